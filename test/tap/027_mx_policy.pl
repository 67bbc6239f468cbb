# 027_mx_policy.pl
#	What a site says of mail servers in email_verify.mx_policy is what is done there, from the next session on: whom to connect to,
#	whom to believe, how many recipients at a time.  It outlives a restart and a dump.

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use EmailVerifyCluster qw(skip_without_world);

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('mx_policy', conf => { 'max_prepared_transactions' => 2, 'email_verify.max_refused' => 0, 'log_statement' => 'none' });

sub policy { return $c->sql("INSERT INTO email_verify.mx_policy ($_[0]) VALUES ($_[1])") }

sub verdict_is
{
	my ($address, $reason, $detail, $what) = @_;
	my %got = $c->verify($address);
	is("$got{$address}{reason} " . ($got{$address}{detail} // ''), "$reason " . ($detail // ''), $what);
	return;
}

# --- whom to believe --------------------------------------------------------------------------------------------------

$w->ctl('rule yahoo "*" "550 5.1.1 <%r>: no such user"');
$w->ctl('rule yahoo "ok*" "250 recipient ok"');
verdict_is('ok1@yahoo.com', 'smtp_unverifiable', 'untrusted_accept', 'a 250 that means nothing');
is(scalar(grep { $_->{listener} eq 'yahoo' } $w->rcpt_log), 1, '... so that nobody made up is asked for');
policy('mx, trust_accept', "'YahooDNS.net.', true");
verdict_is('ok2@yahoo.com', 'smtp_deliverable', undef, '... and that means something since the site says so');
verdict_is('ok3@aol.com', 'smtp_deliverable', undef, '... for every domain with these hosts');
is(scalar(grep { $_->{listener} eq 'yahoo' } $w->rcpt_log), 5, '... after a made-up recipient at each');
verdict_is('zz1@yahoo.com', 'mailbox_not_found', undef, '... a refusal counts as before');
$c->sql("UPDATE email_verify.mx_policy SET trust_reject = false WHERE mx = 'yahoodns.net'");
verdict_is('zz1@aol.com', 'mailbox_not_found', undef, 'a refusal that does not count alone counts beside a control');
$c->sql("UPDATE email_verify.mx_policy SET trust_accept = NULL WHERE mx = 'yahoodns.net'");
verdict_is('ok4@yahoo.com', 'smtp_unverifiable', 'untrusted_accept', 'NULL is the built-in value');

verdict_is('ok1@notls.deliver.com', 'smtp_deliverable', undef, 'an ordinary host');
policy('mx, trust_accept, probe', "'deliver.com', false, true");
verdict_is('ok2@notls.deliver.com', 'smtp_unverifiable', 'untrusted_accept', '... that is not to be trusted');
policy('mx, trust_accept', "'tls.deliver.com', true");
verdict_is('ok3@notls.deliver.com', 'smtp_unverifiable', 'untrusted_accept', '... which half a label does not change');
policy('mx, note', "'notls.deliver.com', 'says nothing, and so all is as built in'");
verdict_is('ok4@notls.deliver.com', 'smtp_deliverable', undef, '... but a longer name does, in all columns');
policy('mx, trust_reject', "'plain.deliver.com', false");
verdict_is('nobody@plain.deliver.com', 'smtp_unverifiable', 'weak_refusal', 'a refusal that does not count alone');
policy('mx, needs_control', "'heloonly.deliver.com', true");
verdict_is('nobody@heloonly.deliver.com', 'smtp_unverifiable', 'weak_refusal', 'a refusal that needs a control');
verdict_is('ok1@heloonly.deliver.com', 'smtp_deliverable', undef, '... which there is now');
verdict_is('nobody2@heloonly.deliver.com', 'mailbox_not_found', undef, '... and so it counts');
$c->sql('DELETE FROM email_verify.mx_policy');

# --- whom to connect to ----------------------------------------------------------------------------------------------------

$w->reset;
policy('mx, probe', "'ok2.deliver.com', false");
verdict_is('ok1@ok2.deliver.com', 'bucket_default_skip_smtp_unknown', 'never_probe', 'a host that is never connected to');
is($w->stats('ok2')->{sessions}, 0, '... has seen nobody');
my $row = $c->row('ok1@ok2.deliver.com');
is("$row->{stage} $row->{rule} $row->{mx_host}", 'dns mx_policy.probe mx.ok2.deliver.com', '... the evidence says why');
is($c->queue('ok1@ok2.deliver.com'), undef, '... it is not asked for again by itself');
is(join('', $c->ask('ok1@ok2.deliver.com')), 'bucket_default_skip_smtp_unknown', '... the verdict is kept like any other');
is($c->sql("SELECT queued FROM email_verify._enqueue('{ok1\@ok2.deliver.com}', '{-infinity}', '{infinity}', 0::smallint, true)"), 'f', '... also for the worker');
verdict_is('x@nx.deliver.com', 'no_mx_records', 'nxdomain', '... and DNS is asked as ever');
$c->sql('TRUNCATE email_verify.mx_policy');
is($c->sql("SELECT email_verify.recheck('ok1\@ok2.deliver.com')"), 't', 'allowed again, and asked for anew');
$c->wait;
is($c->row('ok1@ok2.deliver.com')->{reason}, 'smtp_deliverable', '... it is visited');

# --- how many at a time -----------------------------------------------------------------------------------------------------

$w->reset;
$c->verify(map { "ok$_\@lfonly.deliver.com" } 1 .. 6);
cmp_ok($w->stats('lfonly')->{max_rcpt}, '>', 1, 'several recipients in a transaction');
policy('mx, rcpt_per_transaction', "'lfonly.deliver.com', 1");
$w->reset;
my %got = $c->verify(map { "ok1$_\@lfonly.deliver.com" } 1 .. 6);
is(scalar(grep { $_->{reason} eq 'smtp_deliverable' } values %got), 6, 'one recipient a transaction: all have their verdict');
is($w->stats('lfonly')->{cmd_mail}, 6, '... and a MAIL of its own');
is($w->stats('lfonly')->{max_rcpt}, 1, '... no transaction had more');
$c->sql("UPDATE email_verify.mx_policy SET rcpt_per_transaction = NULL, rcpt_per_session = 2");
$w->reset;
%got = $c->verify(map { "ok2$_\@lfonly.deliver.com" } 1 .. 6);
is(scalar(grep { $_->{reason} eq 'smtp_deliverable' } values %got), 6, 'two recipients a session: all have their verdict');
cmp_ok($w->stats('lfonly')->{sessions}, '>=', 3, '... in sessions enough');
cmp_ok($w->stats('lfonly')->{max_session}, '<=', 2, '... none of which had more');
$c->sql('DELETE FROM email_verify.mx_policy');

# --- while it is at work -------------------------------------------------------------------------------------------------------

$c->sql("BEGIN; INSERT INTO email_verify.mx_policy (mx, probe) VALUES ('deliver.com', false); ROLLBACK");
verdict_is('ok1@slow.deliver.com', 'smtp_deliverable', undef, 'what was rolled back is nobody\'s word');
$c->sql(q{BEGIN; INSERT INTO email_verify.mx_policy (mx, probe) VALUES ('slow.deliver.com', false); PREPARE TRANSACTION 'p'});
verdict_is('ok2@slow.deliver.com', 'smtp_deliverable', undef, '... nor what is only prepared');
$c->sql("COMMIT PREPARED 'p'");
verdict_is('ok3@slow.deliver.com', 'bucket_default_skip_smtp_unknown', 'never_probe', '... until it is committed');

$c->set('email_verify.max_sessions' => 2);
$w->reset;
$w->ctl('set ok latency_ms=150');
my @many = map { "ok1\@p$_.wild.deliver.com" } 1 .. 60;
$c->ask(@many);
$c->poll('SELECT sessions > 0 FROM email_verify.stat');
policy('mx, probe', "'ok.deliver.com', false");
is($c->wait(30), 0, 'forbidden with most of the domains waiting for a session: all have their verdict');
my %reasons;
$reasons{ $_->{reason} }++ for $c->rows("SELECT reason FROM email_verify.address WHERE address LIKE '%.wild.deliver.com'");
cmp_ok($reasons{bucket_default_skip_smtp_unknown} // 0, '>', 30, '... most of them the new one');
is(($reasons{bucket_default_skip_smtp_unknown} // 0) + ($reasons{smtp_deliverable} // 0), 60, '... and the others an honest one');
is($w->stats('ok')->{sessions}, $reasons{smtp_deliverable} // 0, '... nobody was visited after it');

# --- a restart, a long table, a dump --------------------------------------------------------------------------------------------

$c->node->restart;
$c->wait_for_worker;
verdict_is('ok5@slow.deliver.com', 'bucket_default_skip_smtp_unknown', 'never_probe', 'a new worker knows the table before it asks anybody');

$c->sql(q{INSERT INTO email_verify.mx_policy (mx, trust_accept) SELECT 'a' || i || '.example.com', false FROM generate_series(1, 9990) i;
	INSERT INTO email_verify.mx_policy (mx, probe) VALUES ('zz.quithang.deliver.com', true), ('quithang.deliver.com', false)});
verdict_is('ok1@quithang.deliver.com', 'bucket_default_skip_smtp_unknown', 'never_probe', 'a table of ten thousand rows');
unlike(slurp_file($c->node->logfile), qr/rows of table email_verify\.mx_policy/, '... is heeded');
$c->sql(q{INSERT INTO email_verify.mx_policy (mx, trust_accept) SELECT 'b' || i || '.example.com', false FROM generate_series(1, 10) i});
verdict_is('ok2@quithang.deliver.com', 'bucket_default_skip_smtp_unknown', 'never_probe', 'of a longer one what forbids');
like(slurp_file($c->node->logfile), qr/WARNING:  email_verify heeds 10000 of the 10004 rows of table email_verify\.mx_policy/, '... and the log says so');
$c->sql("DELETE FROM email_verify.mx_policy WHERE mx LIKE '%.example.com'");

policy('mx, trust_accept, trust_reject, needs_control, rcpt_per_transaction, rcpt_per_session, note', q{'bücher.example.com', true, false, true, 3, 4, E'quoted "\\\\\\t'''});
my $all = 'SELECT m::text FROM email_verify.mx_policy m ORDER BY mx';
my $dir = PostgreSQL::Test::Utils::tempdir();
$c->sql('CREATE DATABASE copy');
$c->node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/dump", $c->node->connstr('postgres') ], 'pg_dump');
$c->node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $c->node->connstr('copy'), "$dir/dump" ], 'pg_restore');
is($c->sql($all, 'copy'), $c->sql($all), '... keeps every row');
is($c->sql('SELECT count(*) FROM email_verify.mx_policy', 'copy'), 5, '... of which there are some');
$c->wait_for_worker('copy');
is($c->verdict('ok6@slow.deliver.com', '20 s', 'copy')->{detail}, 'never_probe', '... and they are heeded there');

is($c->stat->{errors_total}, 0, 'no cycle has failed');

$c->finish;
done_testing();
