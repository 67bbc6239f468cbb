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

my $prepared = $c->try(q{BEGIN; SELECT email_verify.enqueue('{ann@ok.deliver.com}'); PREPARE TRANSACTION 'two'});
like($prepared->{err}, qr/cannot PREPARE a transaction that has queued/, 'a prepared transaction would wake nobody: refused');

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
