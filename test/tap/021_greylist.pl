# 021_greylist.pl
#	A grey-list must not cost a verdict: the worker comes again by itself, after the delay, to the same address of the
#	same host, from the same source, with the same sender and the same made-up recipient.
#
# postgrey and postscreen remember who has called, so each run comes from a source address and with a sender of its own.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use EmailVerifyCluster qw(skip_without_world);

my $w = skip_without_world();
my @letters = ('a' .. 'z');
my $tag = join '', map { $letters[ rand @letters ] } 1 .. 10;
my $source = join '.', 127, map { 1 + int rand 250 } 1 .. 3;
my $sender = "$tag\@check.lab-sender.com";
my $c = EmailVerifyCluster->new('greylist',
	conf => {
		'email_verify.source_ipv4' => $source,
		'email_verify.mail_from' => $sender,
		'email_verify.greylist_delays' => '5s, 6s, 6s',
		'email_verify.catch_all_delays' => '5s, 6s, 6s'
	});

my @grey = ('ok1@grey.deliver.com', 'ok2@grey.deliver.com', 'nobody@grey.deliver.com');
my @open = ('ok1@greyall.deliver.com');
my @backup = ('ok1@greybackup.deliver.com');
my @postgrey = $w->has_postgrey && $w->has_postfix ? ('ok1@pfgrey.com', 'nobody@pfgrey.com') : ();
my @screen = $w->has_postfix ? ('ok1@pfscreen.com', 'nobody@pfscreen.com') : ();
my @all = (@grey, @open, @backup, @postgrey, @screen);

# --- the first time ---------------------------------------------------------------------------------------

my %first = $c->verify(@all);
my $asked_at = time;
for my $address (grep { !/nobody/ && !/greybackup/ } @all)
{
	my ($row, $queue) = ($c->row($address), $c->queue($address));
	is($first{$address}{reason}, 'smtp_greylisted', "$address: grey-listed at first");
	is($first{$address}{detail}, 'greylist', '... as the detail says');
	ok($first{$address}{retryable}, '... which is retryable');
	ok(defined $first{$address}{retry_at}, '... with a time to come again');
	ok(defined $queue && $queue->{attempts} == 1 && $queue->{answered} && $queue->{due_at} eq $row->{retry_at},
		'... and a row in the queue that is due then');
}
is($first{'nobody@grey.deliver.com'}{reason}, 'mailbox_not_found', 'a host that knows its users says so before');
is($first{'ok1@greybackup.deliver.com'}{reason}, 'smtp_greylisted', 'a grey-listing first MX is not left for the second');
is($w->stats('openbackup')->{sessions}, 0, '... which was not called');

# --- and then by itself --------------------------------------------------------------------------------------

ok($c->poll("SELECT count(*) = 0 FROM email_verify.queue", 40), 'the worker comes again without being asked')
  or diag(join "\n", map { "$_->{address} attempts $_->{attempts} put back $_->{put_backs}" } $c->rows('SELECT * FROM email_verify.queue'));
cmp_ok(time - $asked_at, '>', 3, '... after the delay');

my %want = (
	(map { $_ => /nobody/ ? 'mailbox_not_found' : 'smtp_deliverable' } @grey, @backup, @postgrey, @screen),
	(map { $_ => 'catch_all_deliverable' } @open));
for my $address (@all)
{
	is($c->verdict($address)->{reason}, $want{$address}, "$address: $want{$address} in the end");
}

# --- what the hosts saw ------------------------------------------------------------------------------------------

my @log = grep { $_->{listener} =~ /^grey/ } $w->rcpt_log;
my %seen;
push @{ $seen{ $_->{rcpt} } }, $_ for @log;
for my $address ('ok1@grey.deliver.com', 'ok1@greyall.deliver.com')
{
	my @times = @{ $seen{$address} };
	like(join(' ', map { substr $_->{reply}, 0, 3 } @times), qr/^450 250(?: 250)?$/, "$address: deferred, then accepted");
	cmp_ok($times[1]{ms} - $times[0]{ms}, '>=', 3000, '... with the delay between');
}
is_deeply([ keys %{ { map { $_->{mail} => 1 } @log } } ], [$sender], 'one sender, always the same');
is_deeply([ keys %{ { map { $_->{client} => 1 } @log } } ], [$source], 'one source address, the one that is set');
for my $domain ('grey.deliver.com', 'greyall.deliver.com')
{
	my %random = map { $_ => 1 } grep { /\@\Q$domain\E$/ && !/^(?:ok|nobody)/ } keys %seen;
	is(scalar(keys %random), 1, "$domain: one made-up recipient") or diag(join ' ', keys %random);
	my @replies = map { substr $_->{reply}, 0, 3 } map { @{ $seen{$_} } } keys %random;
	is($replies[-1] // '', $domain =~ /all/ ? '250' : '550', '... until its test had ended');
}
is($c->sql('SELECT count(*) FROM email_verify.domain WHERE random_local IS NOT NULL'), 0, 'a test that has ended leaves no name behind');

$c->finish;
done_testing();
