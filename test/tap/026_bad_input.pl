# 026_bad_input.pl
#	Whatever text comes in, from a caller or from a mail server, in whatever encoding: an answer or a clear error comes
#	out, and nothing is stored that cannot be read again.  A standby answers from its cache and says what it is.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use Test::More;

use EmailVerifyCluster qw(skip_without_world quoted);

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('bad_input', init => [ allows_streaming => 1 ], conf => { 'max_connections' => 20, 'max_worker_processes' => 16 });

# --- callers -----------------------------------------------------------------------------------------------------

is($c->sql('SELECT email_verify(NULL) IS NULL, email_verdict(NULL) IS NULL, email_syntax_ok(NULL) IS NULL'), 't|t|t', 'NULL is NULL');
is($c->sql("SELECT email_verify(NULL, wait => '1 s') IS NULL, email_verify('ok1\@ok.deliver.com', NULL, NULL)"), 't|pending', '... and as an option, the default');
for my $text ("repeat('a', 1000000)", "repeat('a\@', 500000)", "'a\@' || repeat('b.', 500000) || 'com'", "'\"' || repeat('\\\"', 500000) || '\"\@ok.deliver.com'",
	"repeat('a', 65) || '\@ok.deliver.com'", "'a\@' || repeat('b', 64) || '.com'", "repeat('é', 400000) || '\@ok.deliver.com'", "'a\@' || repeat('é', 400000) || '.com'")
{
	is($c->sql("SELECT email_verify($text, wait => '5 s')"), 'invalid_syntax', substr($text, 0, 40));
}
is($c->sql("SELECT count(*) FROM generate_series(1, 31) n WHERE email_verify('ok' || chr(n) || '1\@ok.deliver.com', wait => '1 s') <> 'invalid_syntax'"), 0, 'no control character gets through');
is($c->sql("SELECT count(*) FROM unnest(ARRAY[E'ok1\@ok.deliver.com\\r\\nRCPT TO:<x>', E'ok1>\\r\\nRSET\\r\\n\@ok.deliver.com', 'ok1\@ok.deliver.com> ORCPT=x', 'ok1\@\x01.com', '<ok1\@ok.deliver.com>']) a WHERE email_verify(a, wait => '1 s') <> 'invalid_syntax'"),
	0, 'nor a command');
like($c->try(qq{SELECT email_verify('ok1\xff\@ok.deliver.com')})->{err}, qr/invalid byte sequence/, 'bytes that are no UTF-8 are an error of the server');
is($c->wait, 0, 'what was sound is verified');
is($c->sql('SELECT string_agg(address, $$ $$) FROM email_verify.address'), 'ok1@ok.deliver.com', '... and nothing else');
is(scalar(grep { $_->{rcpt} =~ /RSET|RCPT|ORCPT/ } $w->rcpt_log), 0, '... or was ever sent');

my %quoted = $c->verify('"ok1"@ok.deliver.com', '"ok 1"@ok.deliver.com', '"ok\"1"@ok.deliver.com', '"ok@1"@ok.deliver.com');
is(join(' ', sort map { $_->{reason} } values %quoted), 'mailbox_not_found mailbox_not_found mailbox_not_found smtp_deliverable', 'quoted local parts');
is($quoted{'"ok1"@ok.deliver.com'}{reason}, 'smtp_deliverable', '... needlessly quoted or not');
is(scalar($c->peer_rcpts($_)), 1, "... $_ travelled as it is") for '"ok 1"@ok.deliver.com', '"ok\"1"@ok.deliver.com', '"ok@1"@ok.deliver.com';
is($c->sql('SELECT count(*) FROM email_verify.queue'), 0, '... are answered');

# a row of the queue that is no address, or is longer than any
like($c->try(q{INSERT INTO email_verify.queue (address, due_at) VALUES (repeat('x', 5000) || '@ok.deliver.com', now())})->{err}, qr/queue_address_check/, 'the queue takes nothing overlong');
$c->sql(q{INSERT INTO email_verify.queue (address, due_at) VALUES ('nonsense', now()), ('@', now()), ('', now()), (repeat('x', 300) || '@ok.deliver.com', now()), ('ok2@ok.deliver.com', now())});
$c->ask('ok3@ok.deliver.com');
is($c->wait(20), 0, 'rows of the queue that are no addresses are answered') or diag($c->sql('SELECT left(address, 60) FROM email_verify.queue'));
is($c->row('ok2@ok.deliver.com')->{reason}, 'smtp_deliverable', '... and are in nobody\'s way');
cmp_ok($c->worker_pid, '>', 0, '... the worker lives');
$c->sql('DELETE FROM email_verify.queue');

# --- other encodings ------------------------------------------------------------------------------------------------------------

# host says something in bytes that are no text in most encodings
$w->ctl(q{rule ok "garbled*@*" "550 5.1.1 User unknown: \xff\xfe\xc3\x28\x1b[31m\x07 \xe9t\xe9 \xe7\x94\xa8 \\\\ 'x'"});

my @databases = (
	[ 'utf8', 'UTF8', 'UTF8', "j\xc3\xb6rg", "b\xc3\xbccher-post.com" ],
	[ 'latin1', 'LATIN1', 'LATIN1', "j\xf6rg", "b\xfccher-post.com" ],
	[ 'ascii', 'SQL_ASCII', 'SQL_ASCII', "j\xc3\xb6rg", "b\xc3\xbccher-post.com" ]);
for my $case (@databases)
{
	my ($dbname, $encoding, $client, $local, $idn) = @$case;
	local $ENV{PGCLIENTENCODING} = $client;
	$c->sql("CREATE DATABASE $dbname ENCODING '$encoding' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
	$c->sql('CREATE EXTENSION email_verify', $dbname);
	$c->wait_for_worker($dbname);

	my $verdict = $c->verdict('garbled1@ok.deliver.com', '20 s', $dbname);
	is($verdict->{reason}, 'mailbox_not_found', "$encoding: a garbled reply is judged");
	my $text = $c->row('garbled1@ok.deliver.com', $dbname)->{reply_text};
	like($text, qr/^[ -~]+$/, '... and stored as ASCII');
	like($text, qr/User unknown.*\\x[0-9a-f]{2}/, '... escaped');
	is($c->verdict("ok1\@$idn", '20 s', $dbname)->{reason}, 'smtp_deliverable', '... an internationalised domain');
	is($c->sql("SELECT count(*) FROM email_verify.address WHERE address = 'ok1\@xn--bcher-kva-post.com' OR address LIKE 'ok1\@xn--%'", $dbname), 1, '... is stored in ASCII');
	is($c->verdict("$local\@eai.deliver.com", '20 s', $dbname)->{reason}, 'smtp_deliverable', '... an internationalised local part');
	is($c->sql('SELECT count(*) FROM email_verify.address WHERE address = ' . quoted("$local\@eai.deliver.com"), $dbname), 1, '... is stored as the caller wrote it');
	is($c->verdict("$local\@eai.deliver.com", undef, $dbname)->{reason}, 'smtp_deliverable', '... and found again');
	is($c->sql("SELECT count(*) FROM email_verify.address WHERE address IS NOT NULL", $dbname), 3, '... all can be read');
	is($c->sql("SELECT count(*) FROM email_verify.address", $dbname), 3, '... and are three');
	is($c->stat($dbname)->{errors_total}, 0, '... without an error of the worker');
}
is(scalar(grep { $_->{rcpt} eq "j\xc3\xb6rg\@eai.deliver.com" && $_->{reply} =~ /^250/ } $w->rcpt_log), 3, 'it travelled as UTF-8 each time');
is( $c->sql(q{SELECT v.reason || ' ' || v.detail FROM email_verdict(E'ok\xff1@ok.deliver.com', wait => '1 s') v}, 'ascii'),
	'invalid_syntax invalid_encoding', 'SQL_ASCII: bytes that are no UTF-8');

# --- a standby --------------------------------------------------------------------------------------------------------------------

$c->node->backup('standby');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($c->node, 'standby', has_streaming => 1);
$standby->start;
is($c->verdict('ok1@notls.deliver.com', '20 s')->{reason}, 'smtp_deliverable', 'the primary verifies while there is a standby');
$c->node->wait_for_catchup($standby, 'replay', $c->node->lsn('insert'));

sub on_standby
{
	my ($sql) = @_;
	my %said;
	$said{code} = $standby->psql('postgres', $sql, stdout => \$said{out}, stderr => \$said{err});
	return \%said;
}

is(on_standby("SELECT email_verify('ok1\@notls.deliver.com', wait => '5 s')")->{out}, 'smtp_deliverable', 'a standby answers from the cache');
my $said = on_standby("SELECT v.reason || ' ' || v.detail FROM email_verdict('ok2\@notls.deliver.com', wait => '1 min') v");
is($said->{out}, 'internal_verifier_error standby', '... and says what it is when it cannot');
like($said->{err}, qr/standby/, '... to a person too');
is(on_standby('SELECT email_verify.wait()')->{code}, 0, '... wait() does not hang');
is(on_standby("SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'email_verify%'")->{out}, 0, '... there is no launcher and no worker');
is(on_standby("SELECT email_verify('no at sign')")->{out}, 'invalid_syntax', '... but syntax is always known');
$c->node->stop('fast');
$standby->promote;
ok($standby->poll_query_until('postgres', "SELECT worker = 'running' FROM email_verify.stat"), 'promoted, it gets a worker');
is(on_standby("SET client_min_messages = warning; SELECT email_verify('ok2\@notls.deliver.com', wait => '20 s')")->{out}, 'smtp_deliverable', '... that verifies');
$standby->stop('fast');
$c->node->start;

$c->finish;
done_testing();
