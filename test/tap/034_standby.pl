# 034_standby.pl
#	A standby serves what is known and says why it finds out nothing; it has no worker before it is promoted, and one,
#	with the whole queue, as soon as it is.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use Test::More;

use EmailVerifyCluster qw(skip_without_world);
use EmailVerifySession;

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('primary', init => [ allows_streaming => 1 ]);
my $primary = $c->node;
my $known = 'ok1@notls.deliver.com';
is($c->verdict($known, '20 s')->{reason}, 'smtp_deliverable', 'the primary server verifies an address');
$c->sql("INSERT INTO email_verify.override VALUES ('boss\@notls.deliver.com', 'valid')");

$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby);

sub on_standby
{
	my ($sql) = @_;
	local $ENV{PGOPTIONS} = '-c client_min_messages=warning';
	return $standby->safe_psql('postgres', $sql);
}

my $processes = q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'email_verify%'};
my $ask = q{SELECT v.reason || coalesce(' ' || v.detail, '') FROM email_verdict('%s'%s) v};

# --- a standby ------------------------------------------------------------------------------------------------------

is(on_standby($processes), 0, 'a standby has no worker');
is(on_standby(sprintf $ask, $known, ''), 'smtp_deliverable', '... and answers from the cache');
is(on_standby(sprintf $ask, 'boss@notls.deliver.com', ''), 'smtp_deliverable override', '... and overrides');
is(on_standby(sprintf $ask, 'bad', ''), 'invalid_syntax no_at_sign', '... and syntax');
my $s = EmailVerifySession->new($standby);
is($s->run(sprintf $ask, 'new1@notls.deliver.com', ''), 'internal_verifier_error standby', '... of what is unknown it says why');
like($s->err, qr/NOTICE:.*standby.*\nHINT:.*primary/, '... and where to ask');
is($s->run(sprintf $ask, 'new2@notls.deliver.com', ", wait => '20 s'"), 'internal_verifier_error standby', '... nobody waits');
is($s->err, '', '... which is said once a session');
is($s->run(q{SELECT count(*) FROM email_verify_many(ARRAY['new3@notls.deliver.com', 'ok1@notls.deliver.com'], wait => '20 s') WHERE reason = 'smtp_deliverable'}), 1, '... for a list as well');
is($s->run('SELECT email_verify.wait(\'20 s\')'), 0, 'email_verify.wait() has nothing to wait for');
is($s->run('SELECT worker FROM email_verify._stat()'), 'none', '... as stat says');
$s->run("SELECT email_verify.enqueue('{x\@notls.deliver.com}')");
like($s->err, qr/read-only transaction/, '... and nothing can be queued');
$s->run("SELECT email_verify.forget('$known')");
like($s->err, qr/read-only transaction/, '... or forgotten');
$s->run('SELECT count(*) FROM email_verify.stat');
is($s->err, '', 'the view stat works');

# what the primary learns arrives, and its changes count for a session that has asked before
is($c->verdict('nobody@notls.deliver.com', '20 s')->{reason}, 'mailbox_not_found', 'the primary verifies another one');
$c->sql("INSERT INTO email_verify.override VALUES ('$known', 'suppressed')");
$primary->wait_for_catchup($standby);
is($s->run(sprintf $ask, 'nobody@notls.deliver.com', ''), 'mailbox_not_found', '... the standby knows it as well');
is($s->run(sprintf $ask, $known, ''), 'suppressed override', '... and an override');
$c->sql("DELETE FROM email_verify.override WHERE pattern = '$known'");
$c->sql('REINDEX TABLE email_verify.address');
$primary->wait_for_catchup($standby);
is($s->run(sprintf $ask, $known, ''), 'smtp_deliverable', '... and its end, and a new index');

# --- promotion -----------------------------------------------------------------------------------------------------------

# three are under way and one is to be asked again when the primary dies
$c->set('email_verify.transient_delays' => '1s');
$w->ctl('set slow delay_banner_ms=60000');
$c->ask(map { "ok$_\@slow.deliver.com" } 1 .. 3);
$c->ask('ok1@grey.deliver.com');
ok($c->poll('SELECT count(*) = 1 FROM email_verify.queue WHERE attempts > 0') && $c->poll('SELECT count(*) = 4 FROM email_verify.queue'), 'the primary has four addresses queued');
$primary->wait_for_catchup($standby);
$primary->stop('immediate');
$w->restore;
$standby->promote;
ok($standby->poll_query_until('postgres', q{SELECT worker = 'running' FROM email_verify.stat}), 'promoted: a worker runs');
is($s->run(sprintf $ask, 'ok4@slow.deliver.com', ", wait => '30 s'"), 'smtp_deliverable', '... which a session from before can ask');
ok($standby->poll_query_until('postgres', q{SELECT count(*) = 3 FROM email_verify.address WHERE address ~ '^ok[123]@slow' AND reason = 'smtp_deliverable'}), '... it goes on with what was under way');
is(on_standby('SELECT count(*) FROM email_verify.inflight'), 0, '... nothing is left in flight');
is(on_standby("SELECT count(*) FROM email_verify.queue WHERE address = 'ok1\@grey.deliver.com' AND due_at > now()"), 1, '... and asks again when it is time');
is(on_standby(sprintf $ask, $known, ''), 'smtp_deliverable', 'what was known is known');
is(on_standby($processes), 2, 'one launcher, one worker');
$s->end;

my @bad = grep { /PANIC|TRAP:|was terminated by signal|leak/ } split /\n/, PostgreSQL::Test::Utils::slurp_file($standby->logfile);
is(scalar @bad, 0, 'standby: no crash in the log');
$standby->stop;
$primary->start;
$c->finish;
done_testing();
