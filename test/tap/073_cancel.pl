# 073_cancel.pl
#	What is under way is stopped by a pause: who waits is told so, nothing of it is stored, no try is used up, and resume()
#	goes on with it.  The same when the extension is dropped.

use strict;
use warnings;

use Test::More;
use Time::HiRes ();

use EmailVerifyCluster qw(skip_without_world);
use EmailVerifySession;

my $w = skip_without_world();

# A session of its own that asks and waits; returns it when the worker has the address under way
sub ask_and_wait
{
	my ($c, $address) = @_;
	my $s = EmailVerifySession->new($c);
	$s->send("SELECT (v).status, (v).reason, (v).detail FROM email_verdict('$address', wait => '1 min') v");
	ok($c->poll("SELECT count(*) = 1 FROM email_verify.queue q JOIN email_verify.inflight i ON q.id = ANY (i.ids) WHERE q.address = '$address'"),
		"$address is under way");
	return $s;
}

sub rows_of
{
	my ($c, @addresses) = @_;
	my $list = join(', ', map { "'$_'" } @addresses);
	return scalar $c->sql("SELECT string_agg(concat_ws(' ', address, attempts, put_backs, crashes, answered), ',' ORDER BY address) FROM email_verify.queue WHERE address IN ($list)");
}

for my $prober (qw(process inline))
{
	my $c = EmailVerifyCluster->new("cancel_$prober", conf => {
		'email_verify.prober' => $prober,
		'email_verify.max_put_backs' => 0,
		'email_verify.rcpt_timeout' => '1min',
		'email_verify.session_timeout' => '2min',
		'email_verify.max_sessions' => 3 });

	# one waits for its reply, one for the greeting, one is not connected yet, one waits for a session
	my @hang = map { "ok1\@$_.deliver.com" } qw(hangrcpt silent blackhole);
	my $waits = 'ok1@hangmail.deliver.com';
	my @s = map { ask_and_wait($c, $_) } @hang, $waits;
	ok($c->poll('SELECT sessions = 3 FROM email_verify.stat'), "$prober: all sessions are taken");
	$c->sql('SELECT email_verify.pause()');
	is($_->result, 'unknown|smtp_timeout|canceled', '... who waits is told that it was canceled') for @s;
	like($s[0]->err, qr/NOTICE:.*stopped while it was under way\nHINT:.*email_verify\.stat/, '... with a hint');
	ok($c->poll('SELECT sessions = 0 AND inflight = 0 FROM email_verify.stat'), '... nothing is under way any more');
	is(rows_of($c, @hang, $waits), join(',', sort map { "$_ 0 0 0 f" } @hang, $waits), '... they are queued, and no try is used up');
	is($c->sql('SELECT count(*) FROM email_verify.address'), 0, '... nothing is stored');
	is($c->sql('SELECT count(*) FROM email_verify.inflight'), 0, '... nothing is noted as under way');

	# who asks now, in a transaction that was told, is told of the pause
	is($c->sql("SELECT concat_ws(' ', (v).reason, (v).detail) FROM email_verdict('$hang[0]') v"), 'pending paused', '... a question meanwhile is pending');
	$_->end for @s;

	# as often as one likes
	$c->sql('SELECT email_verify.resume()');
	ok($c->poll('SELECT sessions = 3 FROM email_verify.stat'), 'resumed: they are asked for again');
	$c->sql('SELECT email_verify.pause()');
	ok($c->poll('SELECT sessions = 0 AND inflight = 0 FROM email_verify.stat'), '... and stopped again');
	is(rows_of($c, @hang), join(',', sort map { "$_ 0 0 0 f" } @hang), '... at no cost');
	$c->sql("DELETE FROM email_verify.queue");
	$c->sql('SELECT email_verify.resume()');

	# in the middle of a session
	my @slow = map { "ok$_\@slow.deliver.com" } 1 .. 5;
	$c->let_go;
	$c->set('email_verify.rcpt_per_transaction' => 1);
	$w->ctl('reset');
	$c->sql("SELECT email_verify.enqueue('{" . join(',', @slow) . "}')");
	ok($c->poll('SELECT sessions = 1 FROM email_verify.stat'), 'a slow session is under way');
	for (1 .. 500)
	{
		last if $w->stats('slow')->{rcpt_accepted} >= 2;
		Time::HiRes::sleep 0.02;
	}
	$c->sql('SELECT email_verify.pause()');
	ok($c->poll('SELECT sessions = 0 AND inflight = 0 FROM email_verify.stat'), '... and stopped');
	my @verified = grep { (($c->row($_) // {})->{reason} // '') eq 'smtp_deliverable' } @slow;
	my @left = grep { defined $c->queue($_) } @slow;
	is_deeply([ sort @verified, @left ], \@slow, '... each is verified or queued: ' . @left . ' of 5 are');
	cmp_ok(scalar(@left), '>', 0, '... not all were asked for');
	is(rows_of($c, @left), join(',', sort map { "$_ 0 0 0 f" } @left), '... no try is used up');
	my $peer = $w->stats('slow');
	is("$peer->{lost} $peer->{rsts}", '0 0', '... and the host was told good-bye');
	$c->sql('SELECT email_verify.resume()');
	is($c->wait(30), 0, 'resumed: all are verified');
	is($c->row($_)->{reason}, 'smtp_deliverable', "... $_") for @slow;

	# a pause that lets what is under way finish
	$c->sql(q{SELECT email_verify.enqueue('{ok6@slow.deliver.com}')});
	ok($c->poll('SELECT sessions = 1 FROM email_verify.stat'), 'a slow session is under way');
	$c->sql('SELECT email_verify.pause(finish => true)');
	ok($c->poll(q{SELECT count(*) = 1 FROM email_verify.address WHERE address = 'ok6@slow.deliver.com' AND reason = 'smtp_deliverable'}),
		'... a pause that lets it finish has its verdict stored');
	$c->sql('SELECT email_verify.resume()');
	$w->restore;

	# the extension goes
	my $s = ask_and_wait($c, $hang[0]);
	$c->let_go;
	$c->sql('CREATE ROLE other');
	like($c->try('SET ROLE other; DROP EXTENSION email_verify')->{err}, qr/must be owner/, 'who may not drop the extension');
	is($c->sql('SELECT waiters FROM email_verify.stat'), 1, '... disturbs nobody');
	$c->sql('DROP EXTENSION email_verify');
	is($s->result, 'unknown|smtp_timeout|canceled', 'dropped: who waits is told that it was canceled');
	$s->end;
	$c->finish;
}

done_testing();
