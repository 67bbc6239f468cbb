# 051_transcript.pl
#	email_verify.log_transcripts: the dialogues with mail servers in the server log, for whoever has to find out why a server does not
#	let us in, and without telling whose mailboxes were asked for.  A peer can neither forge lines of the log nor fill it.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use EmailVerifyCluster qw(skip_without_world);

my $w = skip_without_world();

my $c = EmailVerifyCluster->new('transcript', conf => { 'log_statement' => 'none', 'log_line_prefix' => '%m [%p] ' });
my $offset = 0;

# Everything logged since the last call
sub logged
{
	my $text = slurp_file($c->node->logfile, $offset);
	$offset += length $text;
	return $text;
}

# The dialogues in it: [whom, lines...]
sub dialogues
{
	my ($text) = @_;
	my @found;
	for (split /\n/, $text)
	{
		if (/ LOG:  email_verify: SMTP dialogue with (.*) for database "postgres"$/) { push @found, [$1] }
		elsif (/ DETAIL:  (.*)/ && @found && @{ $found[-1] } == 1) { push @{ $found[-1] }, $1 }
		elsif (/^\t(.*)/ && @found) { push @{ $found[-1] }, $1 }
	}
	return @found;
}

# Wait until no session says good-bye any more: a dialogue is logged when its session has ended
sub ended
{
	my ($n) = @_;
	my $deadline = time + 20;
	my $text = '';
	while (time < $deadline)
	{
		$text .= logged();
		last if dialogues($text) >= $n;
		sleep 0.1;
	}
	return $text;
}

# --- off, as it is by default ---------------------------------------------------------------------------------------------

is($c->sql('SHOW email_verify.log_transcripts'), 'off', 'nothing is logged by default');
$c->verify('ok1@ok.deliver.com', 'hang@closercpt.deliver.com');
ok($c->poll('SELECT inflight = 0 AND sessions = 0 FROM email_verify.stat'), 'sessions have ended');
sleep 1;
is(scalar(dialogues(logged())), 0, '... and their dialogues are not logged');
like($c->try("CREATE ROLE curious; SET ROLE curious; SHOW email_verify.log_transcripts")->{err}, qr/permission denied|must be superuser/, 'not everybody sees the setting');

# --- all ------------------------------------------------------------------------------------------------------------------

$c->set('email_verify.log_transcripts' => 'all');
$c->sql("SELECT email_verify.enqueue('{ok2\@ok.deliver.com,nobody.here\@ok.deliver.com}')");
is($c->wait, 0, 'two addresses of a domain, queued together');
my $text = ended(1);
my @found = dialogues($text);
is(scalar(@found), 1, 'all: one dialogue for both');
my ($whom, @lines) = @{ $found[0] };
like($whom, qr/^mx\.ok\.deliver\.com \[127\.\d+\.\d+\.\d+\]$/, '... says with whom');
like($lines[0], qr/^\* connecting to mx\.ok\.deliver\.com \[127\.[\d.]+\]:\d+$/, '... begins with the connection');
my @commands = map { /^> (\w+)/ ? $1 : () } @lines;
is(join(' ', @commands), 'EHLO STARTTLS EHLO MAIL RCPT RCPT RSET QUIT', '... has what was said, in order') or diag(join "\n", @lines);
is(scalar(grep { /^< 250[ -]/ } @lines) > 5, 1, '... and what was replied');
is(scalar(grep { /^\* TLS: TLSv1/ } @lines), 1, '... in clear, although it was encrypted');
is(scalar(grep { /^> RCPT TO:<o\*\*\*\@ok\.deliver\.com>$/ } @lines), 1, 'a recipient without its local part');
is(scalar(grep { /^> RCPT TO:<n\*\*\*\@ok\.deliver\.com>$/ } @lines), 1, '... and the other one');
is(scalar(grep { /^> MAIL FROM:<\w\*\*\*\@/ } @lines), 1, '... as is the sender');
is(scalar(grep { /^< 550 .*n\*\*\*/ } @lines), 1, '... also where the server repeats it') or diag(join "\n", @lines);
like($lines[-1], qr/^< 221/, 'to the very end');
unlike($text, qr/nobody\.here|ok2/, 'no local part is in the log');

# --- what peers would like to write into our log ---------------------------------------------------------------------------

$w->ctl('rule ok* secret.person@* 550-5.1.1 SECRET.PERSON is none of ours\r\n550 5.1.1 \x1b[31mLOG: mailbox secret.person\x00\x07 unknown, try other.person@elsewhere.net');
$c->verify('secret.person@ok2.deliver.com');
$text = ended(1);
unlike($text, qr/secret\.person|other\.person/i, 'a server that repeats a local part without its domain, or names others: not in the log');
like($text, qr/^\t?.*< 550-5\.1\.1 S\*\*\* is none of ours ?$/m, '... but its first character');
like($text, qr/\\x1b\[31mLOG: mailbox s\*\*\*\\x00\\x07 unknown, try o\*\*\*\@elsewhere\.net$/m, 'control characters are escaped');
is(scalar(grep { /^[^\t].*LOG: mailbox/ } split /\n/, $text), 0, '... and no line can be forged');
unlike($text, qr/[^\n\t\x20-\x7e]/, '... the log is printable ASCII');

$c->verify("j\xc3\xb6rg\@eai.deliver.com");
$text = ended(1);
like($text, qr/RCPT TO:<j\*\*\*\@eai\.deliver\.com>/, 'a local part that is not ASCII');
unlike($text, qr/\xc3|rg\@|\\xb6/, '... is not in the log either');

# --- failures ----------------------------------------------------------------------------------------------------------------

$c->set('email_verify.log_transcripts' => 'failures');
logged();
$c->verify('ok3@ok.deliver.com', 'nobody@ok.deliver.com', 'full1@ok.deliver.com', 'ok1@catchall.deliver.com', 'ok1@r252.deliver.com');
$c->verify('ok1@closercpt.deliver.com', 'ok1@rblrcpt.deliver.com', 'ok1@greet554.deliver.com', 'ok1@alldead.deliver.com', 'r.451.4.3.0.later@ok2.deliver.com');
$text = ended(6);
my %whom;
$whom{ $_->[0] =~ s/ .*//r }++ for dialogues($text);
is($whom{'mx.ok.deliver.com'} // $whom{'mx.catchall.deliver.com'} // $whom{'mx.r252.deliver.com'}, undef, 'failures: not those that had a clear answer');
is(join(' ', map { $whom{"mx.$_.deliver.com"} // "no $_" } qw(closercpt rblrcpt greet554 ok2)), '1 1 1 1', '... but those without: closed, blocked, refused, put off')
  or diag(join "\n", sort keys %whom);
is(scalar(() = $text =~ /^\t\* Connection refused$/mg), 2, '... and those without a connection, one for each server') or diag($text);

# --- bounds ---------------------------------------------------------------------------------------------------------------------

$c->verify('ok1@floodreply.deliver.com');
$text = ended(1);
@found = dialogues($text);
is(scalar(@found), 1, 'a server that floods');
cmp_ok(scalar(@{ $found[0] }), '<=', 203, '... does not flood the log');
cmp_ok(length $text, '<', 30000, '... neither with lines nor with bytes');
# how many lines come before we hang up is a matter of chance
is(scalar(grep { /^\* \d+ more lines$/ } @{ $found[0] }), @{ $found[0] } < 200 ? 0 : 1, '... which says how much is left out, if anything is');

$c->set('email_verify.log_transcripts' => 'all');
logged();
my $start = time;
$c->verify(map { "ok1\@d$_.wild.deliver.com" } 1 .. 300);
ok($c->poll('SELECT inflight = 0 AND sessions = 0 FROM email_verify.stat'), '300 sessions');
sleep 1.5;
$c->verify('ok1@d301.wild.deliver.com');
my $left_out = 0;
my $all = '';
for (1 .. 60)
{
	$all .= logged();
	$left_out = 0;
	$left_out += $1 while $all =~ /LOG:  email_verify: (\d+) SMTP dialogues were not logged, since at most 10 a second are$/mg;
	last if dialogues($all) + $left_out == 301;
	sleep 0.1;
}
my $n = dialogues($all);
cmp_ok($n, '<=', 50 + 10 * (time - $start + 1), '... are not all logged');
cmp_ok($n, '>=', 40, '... but many are');
is($n + $left_out, 301, '... and the log says how many are not');
unlike($all, qr/ok1/, '... in none of them is a local part');
is(scalar(() = $all =~ /^\t> RCPT TO:<\w\*\*\*\@d\d+\.wild\.deliver\.com>$/mg), 2 * $n, '... be it a made-up one');

# each in one piece, whatever goes on at the same time
@found = dialogues($all);
is(scalar(grep { $_->[1] !~ /^\* connecting/ || $_->[-1] !~ /^< 221/ || (grep { /^\* connecting/ } @$_) != 1 } @found), 0, '... each is in one piece')
  or diag(join "\n", map { @$_ } grep { $_->[-1] !~ /^< 221/ } @found);

# --- off again --------------------------------------------------------------------------------------------------------------------

$c->set('email_verify.log_transcripts' => undef);
logged();
$c->verify('ok9@ok.deliver.com');
ok($c->poll('SELECT inflight = 0 AND sessions = 0 FROM email_verify.stat'), 'off again');
sleep 1;
is(scalar(dialogues(logged())), 0, '... nothing is logged');
is($c->stat->{errors_total}, 0, 'no store cycle failed');

$c->finish;
done_testing();
