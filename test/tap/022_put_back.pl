# 022_put_back.pl
#	"Too many recipients", "come back later" in mid-session and a session that ends before its turn are no word about a
#	recipient: it is put back, without a verdict, and asked for again; but not for ever.

use strict;
use warnings;

use Test::More;

use EmailVerifyCluster qw(skip_without_world);

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('put_back', conf => { 'email_verify.put_back_delay' => '2s', 'email_verify.max_put_backs' => 3 });

# --- a reply about the session --------------------------------------------------------------------------------

my %replies = (
	ok => '452 4.5.3 Too many recipients',
	ok2 => '421 4.3.2 Service shutting down, closing channel',
	notls => '452 Too many recipients received this hour',
	plain => '451 4.5.3 One recipient at a time please');
my @addresses = map { "ok1\@$_.deliver.com" } sort keys %replies;

$w->ctl(qq{set $_ reply_rcpt="$replies{$_}"}) for keys %replies;
$c->ask(@addresses);
for my $address (@addresses)
{
	my ($listener) = $address =~ /\@(\w+)/;
	ok( $c->poll("SELECT put_backs > 0 AND attempts = 0 AND NOT answered FROM email_verify.queue WHERE address = '$address'"),
		"$replies{$listener}: put back");
	is($c->row($address), undef, '... and no verdict is stored');
	is($c->verdict($address)->{reason}, 'pending', '... the answer is still "pending"');
}
cmp_ok($c->stat->{put_back_total}, '>=', scalar(@addresses), 'the counter counts them');
cmp_ok($c->wait(0), '>', 0, 'they still have no answer');
$w->restore;
is($c->wait(30), 0, 'all are judged later');
is($c->row($_)->{reason}, 'smtp_deliverable', "$_: as what it is") for @addresses;
is($c->sql('SELECT count(*) FROM email_verify.queue'), 0, '... and nothing is left in the queue');

# --- not for ever -----------------------------------------------------------------------------------------------

$w->ctl(q{set slow reply_rcpt="452 4.5.3 Too many recipients"});
$c->ask('ok1@slow.deliver.com');
is($c->wait(40), 0, 'patience ends');
is($c->row('ok1@slow.deliver.com')->{reason}, 'smtp_rate_limited', '... with what the host said as the verdict');
is($c->row('ok1@slow.deliver.com')->{detail}, 'too_many_recipients', '... and its detail');
is(scalar($c->peer_rcpts('ok1@slow.deliver.com')), 4, '... after max_put_backs times and once more');
is($c->queue('ok1@slow.deliver.com')->{attempts}, 1, '... it is then retried like any other');
$w->restore;

# --- hosts that take few at a time -----------------------------------------------------------------------------------

$c->forget;
$c->set(
	'email_verify.put_back_delay' => '1s',
	'email_verify.max_put_backs' => 10,
	'email_verify.max_refused' => 3,
	map { ("email_verify.$_" => '2s, 2s, 2s, 2s, 2s') } qw(transient_delays catch_all_delays));
my @few = map { my $l = $_; map { "ok$_\@$l.deliver.com" } 1 .. 5 } qw(maxrcpt mid421 maxconn fail2);
push @few, map { "ok$_\@pflimit.com" } 1 .. 9 if $w->has_postfix;
my @unknown = map { "nobody$_\@chunked.deliver.com" } 1 .. 6;
$c->ask(@few, @unknown);
my $all = @few + @unknown;
my $known = "SELECT count(*) = $all AND NOT EXISTS (SELECT FROM email_verify.queue) FROM email_verify.address";
ok($c->poll($known, 40), 'hosts that take few at a time are asked until all is known')
  or diag(join "\n", map { "$_->{address} attempts $_->{attempts} put back $_->{put_backs}" } $c->rows('SELECT * FROM email_verify.queue'));
my %got = map { $_->{address} => $_->{reason} } $c->rows('SELECT address, reason FROM email_verify.address');
is($got{$_}, 'smtp_deliverable', $_) for @few;
is($got{$_}, 'mailbox_not_found', $_) for @unknown;
cmp_ok($w->stats('maxrcpt')->{max_rcpt}, '<=', 10, 'no transaction with more recipients than is set');
is(scalar($c->peer_rcpts($_)), 1, "$_ was asked for once") for @unknown;

# --- a session that ends after so many refusals -------------------------------------------------------------------------

my %refused;
$refused{ $_->{session} }++ for grep { $_->{listener} eq 'chunked' && $_->{reply} =~ /^550/ } $w->rcpt_log;
cmp_ok((sort { $b <=> $a } values %refused)[0], '<=', 3, 'no session with more refused recipients than is set');

$c->finish;
done_testing();
