# 064_bad_rows.pl
#	One row with a fault must not stop the worker: what a hand has written into the tables, or a site's own constraint that refuses a
#	verdict, costs that address alone, and it can be seen which and why.

use strict;
use warnings;

use Test::More;

use EmailVerifyCluster qw(skip_without_world);

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('bad');
my $stored = "SELECT count(*) FROM email_verify.address WHERE address LIKE '%s'";

# --- results that somebody's constraint refuses -----------------------------------------------------------------------

$c->sql("ALTER TABLE email_verify.address ADD CONSTRAINT mine CHECK (address NOT LIKE 'bad%')");
$c->sql("SELECT email_verify.enqueue(array_agg(u || '\@b' || i % 5 || '.wild.deliver.com')) FROM generate_series(1, 60) i, LATERAL (SELECT CASE WHEN i % 20 = 0 THEN 'bad' ELSE 'good' END || i AS u) u");
ok($c->poll('SELECT (' . sprintf($stored, 'good%') . ') = 57'), 'a constraint refuses three of sixty results: the others are stored')
	or diag $c->sql('SELECT last_error FROM email_verify.stat');
ok($c->poll('SELECT count(*) = 3 FROM email_verify.parked'), '... these are parked');
is($c->sql("SELECT count(*) FROM email_verify.parked WHERE address LIKE 'bad%' AND fault LIKE '%\"mine\"%'"), 3, '... with their fault');
is($c->sql('SELECT count(*) FROM email_verify.queue'), 0, '... and nothing is left queued');
is($c->verdict('ok9@b1.wild.deliver.com', '20 s')->{reason}, 'smtp_deliverable', '... and who comes later is served');
is($c->sql('SELECT count(*) FROM email_verify.inflight'), 0, '... nothing is under way any more');
$c->sql('ALTER TABLE email_verify.address DROP CONSTRAINT mine');
$c->sql('SELECT email_verify.recheck(address) FROM email_verify.parked');
ok($c->poll('SELECT (' . sprintf($stored, 'bad%') . ') = 3'), 'without the constraint recheck() has them verified');

# --- questions --------------------------------------------------------------------------------------------------------

$c->sql("ALTER TABLE email_verify.queue ADD CONSTRAINT mine CHECK (address NOT LIKE 'worse%')");
$c->sql("SELECT email_verify(u || i || '\@c' || i % 5 || '.wild.deliver.com') FROM generate_series(1, 30) i, LATERAL (SELECT CASE WHEN i % 10 = 0 THEN 'worse' ELSE 'well' END AS u) u");
ok($c->poll('SELECT (' . sprintf($stored, 'well%') . ') = 27'), 'a constraint refuses three of thirty questions: the others are answered');
is($c->sql("SELECT count(*) FROM email_verify.address WHERE address LIKE 'worse%'"), 0, '... they are not');
$c->sql('ALTER TABLE email_verify.queue DROP CONSTRAINT mine');

# --- what a hand has written where nothing keeps it from that ---------------------------------------------------------------

is($c->verdict('ok1@d.wild.deliver.com', '20 s')->{reason}, 'smtp_deliverable', 'a domain is known');
$c->sql("ALTER TABLE email_verify.domain DROP CONSTRAINT domain_random_local; ALTER TABLE email_verify.domain_host DROP CONSTRAINT domain_host_finite");
is($c->sql(qq{UPDATE email_verify.domain SET random_local = E'x\\r\\nQUIT' WHERE domain = 'd.wild.deliver.com'; SELECT random_local ~ E'\\r' FROM email_verify.domain WHERE domain = 'd.wild.deliver.com'}), 't', 'a name with a line break is written');
$c->sql("UPDATE email_verify.domain_host SET catch_all_at = '-infinity', catch_all = NULL WHERE domain = 'd.wild.deliver.com'; UPDATE email_verify.domain_host SET catch_all_at = '-infinity' WHERE domain = 'b1.wild.deliver.com'");
$c->sql(q{INSERT INTO email_verify.queue (address, due_at) VALUES (E'x\r\nRSET@d.wild.deliver.com', now()), ('no address', now()), ('', now())});
is($c->verdict('ok2@d.wild.deliver.com', '20 s')->{reason}, 'smtp_deliverable', '... and it is not said to anybody');
is($c->verdict('ok3@b1.wild.deliver.com', '20 s')->{reason}, 'smtp_deliverable', '... nor does a time without end stop anything');
ok($c->poll('SELECT count(*) = 0 FROM email_verify.queue'), '... what is no address has left the queue');
is($c->sql('SELECT cardinality(gates) FROM email_verify.stat'), 0, 'nothing is held up');
$c->finish;
done_testing();
