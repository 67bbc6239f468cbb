# 029_manners.pl
#	What others do to our tables and settings neither runs with the worker's rights nor stops it for good.
use strict;
use warnings;

use Test::More;

use EmailVerifyCluster qw(skip_without_world);

skip_without_world();

my $c = EmailVerifyCluster->new('manners', conf => { max_prepared_transactions => 2, 'email_verify.max_queue' => 20 });

# --- a trigger and a rule of somebody else's on the worker's tables -------------------------------------------------

$c->sql(q{
	CREATE ROLE mallory;
	GRANT USAGE, CREATE ON SCHEMA public TO mallory;
	GRANT USAGE ON SCHEMA email_verify TO mallory;
	GRANT TRIGGER ON email_verify.address TO mallory;
	CREATE TABLE public.captured (who name);
	GRANT INSERT ON public.captured TO PUBLIC;
	SET ROLE mallory;
	CREATE FUNCTION public.capture() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN INSERT INTO public.captured VALUES (current_user); RETURN NEW; END $$;
	CREATE TRIGGER capture BEFORE INSERT OR UPDATE ON email_verify.address
		FOR EACH ROW EXECUTE FUNCTION public.capture();
});
is($c->verdict('ok1@ok.deliver.com', '20 s')->{detail}, 'worker_refused', 'with a foreign trigger on its table the worker does not work');
is($c->sql('SELECT count(*) FROM captured'), 0, '... and does not run it');
$c->sql('DROP TRIGGER capture ON email_verify.address');
is($c->verdict('ok1@ok.deliver.com', '20 s')->{reason}, 'smtp_deliverable', '... and goes on when it is gone');

# --- a queue that was full once is not full for ever ----------------------------------------------------------------

for my $round (1 .. 3)
{
	my @addresses = map { "ok$_.$round\@ok.deliver.com" } 1 .. 15;
	my %verdicts = $c->verify(@addresses);
	is(scalar(grep { $verdicts{$_}{detail} && $verdicts{$_}{detail} eq 'queue_full' } @addresses), 0,
		"15 addresses of 20 that have room, time $round");
}

# --- rows that a failed cycle had taken out of the queue --------------------------------------------------------------

# one address that hangs, so that something is under way all the time
$c->ask('hang@ok.deliver.com');
ok($c->poll("SELECT inflight > 0 FROM email_verify.stat"), 'something is under way');
my $errors = $c->stat->{errors_total};
my $lock = $c->begin([ 'BEGIN', 'LOCK TABLE email_verify.inflight IN SHARE MODE', 'SELECT pg_sleep(3)', 'COMMIT' ]);
ok($c->poll(q{SELECT EXISTS (SELECT FROM pg_locks WHERE mode = 'ShareLock' AND granted AND relation = 'email_verify.inflight'::regclass)}),
	'a table of the worker is locked');
$c->ask('ok77@ok2.deliver.com');
$lock->end;
ok($c->poll("SELECT EXISTS (SELECT FROM email_verify.address WHERE address = 'ok77\@ok2.deliver.com')", 20),
	'what a failed cycle had taken out is taken out again');
cmp_ok($c->stat->{errors_total}, '>', $errors, '... for one had failed');

# --- two-phase commit -------------------------------------------------------------------------------------------------

my $prepared = $c->try(q{BEGIN; SELECT email_verify.enqueue('{ok91@ok2.deliver.com}'); PREPARE TRANSACTION 'two'});
is($prepared->{err}, '', 'a transaction that has queued can be prepared');
is($c->try(q{BEGIN; SELECT email_verify.enqueue('{ok92@ok2.deliver.com}'); PREPARE TRANSACTION 'never'})->{err}, '', '... another one');
$c->verify('ok93@ok2.deliver.com');    # so the worker has been on its way through the queue since
is($c->sql(q{SELECT count(*) FROM email_verify.queue WHERE address ~ '^ok9[12]@'}), 0, '... neither is in the queue yet');
$c->sql("COMMIT PREPARED 'two'");
is($c->wait(20), 0, '... it is verified when it is committed');
is($c->row('ok91@ok2.deliver.com')->{reason} // 'none', 'smtp_deliverable', '... as it should');
$c->sql("ROLLBACK PREPARED 'never'");
is($c->row('ok92@ok2.deliver.com'), undef, '... and not if it is rolled back');
is($c->queue('ok92@ok2.deliver.com'), undef, '... which leaves nothing');

# --- a wait for what nobody can see yet ---------------------------------------------------------------------------------

my $early = $c->try(q{BEGIN; SELECT email_verify.enqueue('{ok94@ok2.deliver.com}'); SELECT email_verify.wait('1 h'); ROLLBACK});
like($early->{out}, qr/^1\n1$/m, 'wait() after enqueue() in one transaction returns at once, how many have no answer');
like($early->{err}, qr/WARNING:.*not committed yet cannot be waited for\n.*\nHINT:.*COMMIT/, '... and says why');
like($c->try(q{BEGIN; SELECT email_verify.recheck('ok94@ok2.deliver.com'); SELECT email_verify.wait('1 h'); ROLLBACK})->{err}, qr/WARNING:.*cannot be waited for/, '... after recheck() too');
is($c->try(q{BEGIN; SELECT email_verify.enqueue('{ok94@ok2.deliver.com}'); COMMIT; SELECT email_verify.wait('20 s')})->{err}, '', '... but not when it is committed');
$c->sql('SELECT email_verify.pause()');
$c->sql(q{SELECT email_verify.enqueue('{ok95@ok2.deliver.com}')});
my $paused = $c->try(q{SELECT email_verify.wait('1 h')});
is($paused->{out}, 1, 'wait() while paused returns at once');
like($paused->{err}, qr/NOTICE:.*paused\nHINT:.*resume/, '... and says so');
$c->sql('SELECT email_verify.resume()');
is($c->wait(20), 0, 'resumed: what was queued meanwhile is verified');

# --- text that the engine's encoding lacks, and blanks that a type adds ------------------------------------------------

$c->sql("CREATE DATABASE win TEMPLATE template0 ENCODING 'WIN1252' LOCALE 'C'");
$c->sql('CREATE EXTENSION email_verify', 'win');
is($c->sql(q{SELECT email_verify(convert_from('\x6181406f6b2e64656c697665722e636f6d', 'SQL_ASCII'))}, 'win'), 'invalid_syntax',
	'a character without an equivalent is a verdict, not an error');
$c->sql(q{
	CREATE TABLE padded (email char(60));
	CREATE TRIGGER email_verify BEFORE INSERT ON padded FOR EACH ROW EXECUTE FUNCTION email_verify_trigger('email', '10 s')});
is($c->try(q{INSERT INTO padded VALUES ('ok1@ok.deliver.com')})->{err}, '', 'blanks that char(n) adds are not part of an address');

# --- many databases, few processes --------------------------------------------------------------------------------------

$c->node->append_conf('postgresql.conf', "max_worker_processes = 5\n");
$c->sql("CREATE DATABASE d$_") for 1 .. 12;
$c->sql('CREATE EXTENSION email_verify', 'd12');
$c->node->restart;
ok($c->wait_for_worker('d12'), 'a database among many gets its worker');
is($c->sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'email_verify worker'"), 3,
	'... and those without the extension keep none');

$c->finish;
done_testing();
