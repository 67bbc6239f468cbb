# 038_forget.pl
#	What was forgotten stays forgotten: no answer under way, no question on its way and no refresh brings an address back
#	that nobody has asked for since; the site's own word about it stays in force without telling whom it is about; and who asks
#	again is answered anew.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use EmailVerifyCluster qw(skip_without_world quoted);
use EmailVerifySession;

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('forget', conf => { 'email_verify.rcpt_timeout' => '30s', 'email_verify.transient_delays' => '2s' });

sub forget { my ($address) = @_; return $c->sql('SELECT place, rows FROM email_verify.forget(' . quoted($address) . ')') }
my $unreached = join("\n", map { "$_|" } 'kept: an HMAC in email_verify.tombstone, for a day, so that no answer under way brings it back', 'not reached: dead rows until VACUUM',
	'not reached: memory of the worker, its prober and other sessions while in use', 'not reached: your own tables, backups, WAL, server logs');
sub traces { my ($address) = @_; return JSON::PP->new->decode($c->sql('SELECT email_verify.export(' . quoted($address) . ')')) }

# names of the tables that have it, in any column
sub found
{
	my ($address) = @_;
	return $c->sql(join(' UNION ALL ', map { "(SELECT '$_' FROM email_verify.$_ t WHERE lower(t::text) LIKE " . quoted("%$address%") . ')' }
			  qw(address domain domain_host queue inflight override tombstone command external_check spool)) . ' ORDER BY 1');
}

# --- everything there is ---------------------------------------------------------------------------------------------

my $all = 'everything@notls.deliver.com';
is($c->verdict($all, '20 s')->{reason}, 'mailbox_not_found', 'an address is known');
$c->sql("INSERT INTO email_verify.queue (address, priority, due_at) VALUES ('$all', 1, now() + interval '1 day')");
$c->sql("INSERT INTO email_verify.override VALUES ('Everything\@Notls.Deliver.com', 'role', 'a note'), ('$all', 'suppressed', 'complaint')");
my $export = traces($all);
is($export->{email}, $all, 'export() of it');
is($export->{address}{reason} . ' ' . $export->{address}{reply_code}, 'mailbox_not_found 550', '... its verdict and the evidence');
is($export->{queue}{address}, $all, '... its place in the queue');
is(join(' ', map { $_->{action} } @{ $export->{override} }), 'suppressed role', '... the site\'s own word');
is($export->{tombstone}, undef, '... and no more');
is(forget($all), "email_verify.address|1\nemail_verify.queue|1\nemail_verify.spool|0\nemail_verify.parked|0\nemail_verify.external_check|0\nemail_verify.command|0\nemail_verify.report|0\nemail_verify.override (kept as HMAC)|2\n$unreached", 'forget() says what it erased');
is(found($all), '', '... no table has it');
$export = traces($all);
ok(!defined $export->{address} && !defined $export->{queue}, '... export() shows no verdict and no place in the queue');
is(join(' ', map { $_->{pattern} =~ /^hmac:[0-9a-f]{64}$/ ? $_->{action} : 'plain' } @{ $export->{override} }), 'suppressed role', '... but what is kept as a hash');
ok(defined $export->{tombstone}{at}, '... and when it was forgotten');
is($c->sql("SELECT v.reason, v.detail FROM email_verdict('$all') v"), 'suppressed|complaint', 'the site\'s own word is in force');
is($c->sql("SELECT v.reason, v.detail FROM email_verdict('EVERYTHING\@NOTLS.deliver.com') v"), 'suppressed|complaint', '... in any spelling');
is($c->sql("SELECT email_verify.enqueue('{$all}'), email_verify.recheck('$all')"), '0|f', '... and it is not asked for');
is(forget($all), "email_verify.address|0\nemail_verify.queue|0\nemail_verify.spool|0\nemail_verify.parked|0\nemail_verify.external_check|0\nemail_verify.command|0\nemail_verify.report|0\nemail_verify.override (kept as HMAC)|0\n$unreached", 'a second time: there is nothing');
is($c->sql("SELECT count(*) FROM email_verify.override WHERE action IN ('suppressed', 'role')"), 2, '... and nothing is lost');
is($c->sql("SELECT email_verify.hmac('$all') = (SELECT pattern FROM email_verify.override WHERE action = 'role')"), 't', 'the hash can be computed by who knows the address');
is(scalar($c->peer_rcpts($all)), 1, '... the mail server was asked once');

# --- an answer under way ------------------------------------------------------------------------------------------------

sub under_way
{
	my ($address) = @_;
	$c->ask($address);
	ok($c->poll("SELECT inflight > 0 AND sessions > 0 FROM email_verify._stat()"), "$address is being probed");
	return;
}

sub done { my ($why) = @_; ok($c->poll('SELECT inflight = 0 AND sessions = 0 FROM email_verify._stat()', 40), $why); $c->wait(0); return }

$w->ctl('set slow delay_rcpt_ms=2500');
my $slow = 'ok1@slow.deliver.com';
under_way($slow);
like(forget($slow), qr/^email_verify\.queue\|1$/m, '... forgotten meanwhile');
done('... its answer comes');
is(scalar($c->peer_rcpts($slow)), 1, '... from the mail server');
is(found($slow), '', '... and does not bring it back');
is($c->sql('SELECT count(*) FROM email_verify.inflight'), 0, '... nothing is left in flight');
is($c->sql('SELECT count(*) FROM email_verify.domain WHERE domain = \'slow.deliver.com\''), 1, '... what was learnt of the domain is no trace of it');
is($c->verdict($slow, '30 s')->{reason}, 'smtp_deliverable', 'asked for later: answered');
is(scalar($c->peer_rcpts($slow)), 2, '... by a new probe');

# asked for again while the answer to the forgotten question is under way
$slow = 'ok2@slow.deliver.com';
under_way($slow);
forget($slow);
is($c->verdict($slow, '40 s')->{reason}, 'smtp_deliverable', 'forgotten and asked for again at once: answered');
done('... all has come');
is(scalar($c->peer_rcpts($slow)), 2, '... by a probe of its own');
is($c->row($slow)->{probes}, 1, '... which is the only one that is known');

# a transaction that thinks better of it
$slow = 'ok3@slow.deliver.com';
under_way($slow);
$c->sql("BEGIN; SELECT email_verify.forget('$slow'); ROLLBACK");
done('not forgotten after all');
is($c->row($slow)->{reason}, 'smtp_deliverable', '... stored');

# a transaction that is open when the answer comes
$slow = 'ok4@slow.deliver.com';
under_way($slow);
my $s = EmailVerifySession->new($c);
$s->run("BEGIN; SELECT email_verify.forget('$slow')");
ok($c->poll('SELECT inflight = 0 AND sessions = 0 FROM email_verify._stat()', 40), '... the answer comes while the transaction is open');
is($c->verdict('ok1@chunked.deliver.com', '30 s')->{reason}, 'smtp_deliverable', '... others are served');
$s->run('COMMIT');
ok($c->poll("SELECT email_verify.wait('20 s') = 0"), '... it ends');
is(found($slow), '', '... and the address is forgotten');

# a second look at what is known
$slow = 'ok3@slow.deliver.com';
$c->sql("SELECT email_verify.recheck('$slow')");
ok($c->poll("SELECT inflight > 0 AND sessions > 0 FROM email_verify._stat()"), 'a known address is being asked for again');
is(forget($slow) =~ /address\|1\nemail_verify\.queue\|1/, 1, '... forgotten, verdict and all');
done('... its answer comes');
is(found($slow), '', '... and does not bring it back');

# one that would be asked again later
$c->ask('ok1@grey.deliver.com');
ok($c->poll('SELECT count(*) = 1 FROM email_verify.queue WHERE attempts = 1'), 'an address is grey-listed');
forget('ok1@grey.deliver.com');
is(found('ok1@grey.deliver.com'), '', '... and forgotten');
is($c->wait, 0, '... nobody waits for it');

# --- a question under way ------------------------------------------------------------------------------------------------------

# in the inbox: the worker cannot take it over while its own table is locked
$w->restore;
my $asked = 'ok1@plain.deliver.com';
my $holder = EmailVerifySession->new($c);
my $errors = $c->sql('SELECT errors_total FROM email_verify._stat()');
$holder->run('BEGIN; LOCK TABLE email_verify.inflight');
$c->ask($asked);
ok($c->poll("SELECT errors_total > $errors FROM email_verify._stat()"), "$asked is on its way to the worker");
like(forget($asked), qr/queue\|0/, '... and forgotten');
$holder->run('ROLLBACK');
$c->ask('ok2@plain.deliver.com');
ok($c->poll("SELECT count(*) = 1 FROM email_verify.address WHERE address = 'ok2\@plain.deliver.com'", 60), '... the worker goes on');
is(found($asked), '', '... and lets it go');
is(scalar($c->peer_rcpts($asked)), 0, '... nobody is asked');
is($c->verdict($asked, '20 s')->{reason}, 'smtp_deliverable', '... unless somebody asks later');

# forgotten in a transaction that is still open when the worker takes the question over
$asked = 'ok3@plain.deliver.com';
$errors = $c->sql('SELECT errors_total FROM email_verify._stat()');
$w->ctl('set plain delay_rcpt_ms=1500');
$holder->run('BEGIN; LOCK TABLE email_verify.inflight');
$c->ask($asked);
ok($c->poll("SELECT errors_total > $errors FROM email_verify._stat()"), "$asked is on its way to the worker");
$s->run("BEGIN; SELECT email_verify.forget('$asked')");
$holder->run('ROLLBACK');
ok($c->poll("SELECT count(*) = 1 FROM email_verify.queue", 60), '... which takes it over while forget() is not committed');
$s->run('COMMIT');
ok($c->poll("SELECT count(*) = 0 FROM email_verify.queue", 60), '... it is committed');
is(found($asked), '', '... and the answer is not kept');

# --- what is old --------------------------------------------------------------------------------------------------------------------

$c->sql("UPDATE email_verify.tombstone SET at = now() - interval '2 days'");
forget('nobody@nowhere.deliver.com');
$c->set('email_verify.retention_interval' => '1s');
ok($c->poll('SELECT count(*) = 1 FROM email_verify.tombstone'), 'what keeps answers from coming back is not kept longer than they can come');
is($c->sql("SELECT count(*) FROM email_verify.forget('not an address') WHERE rows > 0"), 0, 'no address: nothing to forget');
is($c->sql('SELECT count(*) FROM email_verify.site_key'), 1, 'there is one key');
$_->end for $s, $holder;

$c->let_go;
$c->finish;
done_testing();
