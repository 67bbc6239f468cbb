# 037_encodings.pl
#	Databases in other encodings than UTF-8 verify the same addresses: a non-ASCII local part is asked for, queued, probed,
#	stored, served, overridden, exported and forgotten as itself, and no text that the encoding cannot hold gets into a table.

use strict;
use warnings;

use Encode qw(encode_utf8);
use PostgreSQL::Test::Utils;
use Test::More;

use EmailVerifyCluster qw(skip_without_world quoted);

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('encodings', conf => { 'email_verify.max_databases' => 16, 'max_worker_processes' => 24, 'log_statement' => 'none' });
$ENV{PGCLIENTENCODING} = 'UTF8';

# all text here is bytes: those of UTF-8
sub sql { return $c->sql(@_) }

$w->ctl('rule eai "日本@*" "250 2.1.5 Ok"');
$w->ctl('rule eai "почта@*" "250 2.1.5 Ok"');

# encoding => a local part that exists at the host, one that does not, one that is suppressed, a word beyond the encoding
my %names = (
	LATIN1 => [ 'jörg', 'jürgen', 'groß' ],
	LATIN9 => [ 'björn', 'hélène', 'cœur' ],
	EUC_JP => [ '日本', '東京', '大阪' ],
	KOI8R => [ 'почта', 'нет', 'никто' ],
	SQL_ASCII => [ 'jörg', '東京', 'groß' ],
	UTF8 => [ '日本', 'jürgen', 'groß' ]);

for my $encoding (sort keys %names)
{
	my $db = lc $encoding;
	$c->sql("CREATE DATABASE $db TEMPLATE template0 ENCODING '$encoding' LOCALE 'C'");
	$c->sql('CREATE EXTENSION email_verify', $db);
}
for my $encoding (sort keys %names)
{
	my ($good, $bad, $suppressed) = map { "$_\@eai.deliver.com" } @{ $names{$encoding} };
	my $db = lc $encoding;
	my $ask = "SELECT email_verify('$good'), email_verify('$bad')";

	$c->wait_for_worker($db);
	$w->reset;
	note($encoding);
	is(sql('SHOW server_encoding', $db), $encoding, "a database in $encoding");
	is(sql("SELECT email_syntax_ok('$good'), email_syntax_ok('$good', 'smtp')", $db), 't|t', "$good is an address");
	is(sql($ask, $db), 'pending|pending', '... asked for');
	ok($c->poll('SELECT email_verify.wait(\'20 s\') = 0', 30, $db), '... probed');
	is(sql($ask, $db), 'smtp_deliverable|mailbox_not_found', '... and answered from the cache');
	is(sql("SELECT string_agg(address, ' ' ORDER BY reason) FROM email_verify.address", $db), "$good $bad", '... where it is itself');
	my %asked = map { $_->{rcpt} => 1 } $w->rcpt_log('eai');
	ok($asked{$good} && $asked{$bad}, '... to the mail server as well') or diag(join ' ', keys %asked);
	is(sql('SELECT count(*) FROM email_verify.queue', $db), 0, '... nothing is left in the queue');
	is(sql("SELECT email_verify.enqueue(ARRAY['$good', '$suppressed'])", $db), 1, 'enqueue() knows it');
	is(sql("SELECT v.reason FROM email_verdict('$suppressed', wait => '20 s') v", $db), 'mailbox_not_found', 'waiting for one');
	is(sql("SELECT count(*) FROM email_verify_many(ARRAY['$good', '$bad', '$suppressed']) WHERE NOT retryable", $db), 3, 'email_verify_many()');
	is(sql("SELECT string_agg(stage, ' ' ORDER BY step) FROM email_explain('$good')", $db), 'syntax data dns catch-all rcpt verdict', 'email_explain()');
	is(sql("SELECT email_verify.export('$good') #>> '{address,address}'", $db), $good, 'export()');

	(my $local = $suppressed) =~ s/\@.*/@/;
	(my $upper = $suppressed) =~ s/([a-z]+)(.*)(?=\@)/\U$1\E$2/;
	for my $pattern ($suppressed, $local)
	{
		sql("INSERT INTO email_verify.override VALUES ('$pattern', 'suppressed')", $db);
		is(sql("SELECT pattern FROM email_verify.override", $db), $pattern, "override $pattern");
		is(sql("SELECT email_verify('$suppressed'), email_verify('$upper'), email_verify('$good')", $db), 'suppressed|suppressed|smtp_deliverable', '... works, and for nobody else');
		sql('DELETE FROM email_verify.override', $db);
	}
	sql("INSERT INTO email_verify.override VALUES ('$suppressed', 'trap'), (email_verify.hmac('$bad'), 'suppressed')", $db);
	sql("SELECT email_verify.forget(a) FROM unnest(ARRAY['$good', '$bad', '$suppressed']) a", $db);
	is(sql('SELECT count(*) FROM email_verify.address', $db) . sql("SELECT count(*) FROM email_verify.override WHERE pattern NOT LIKE 'hmac:%'", $db), '00', 'forget()');
	is(sql("SELECT email_verify('$suppressed'), email_verify('$bad')", $db), 'possible_spam_trap|suppressed', '... keeps its overrides by a hash');

	# a dump of it into UTF-8: the hashes are of the same addresses
	my $file = PostgreSQL::Test::Utils::tempdir() . "/$db.sql";
	$c->node->command_ok([ 'pg_dump', '-d', $c->node->connstr($db), '-E', $encoding, '-f', $file ], 'pg_dump');
	$c->sql("CREATE DATABASE into_utf8 TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'");
	$c->node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $c->node->connstr('into_utf8'), '-f', $file ], '... restored in UTF-8');
	is(sql("SELECT email_verify('$suppressed'), email_verify('$bad')", 'into_utf8'), 'possible_spam_trap|suppressed', '... the overrides work there');
	$c->sql('DROP DATABASE into_utf8 WITH (FORCE)');
}

# --- what cannot be held ----------------------------------------------------------------------------------------------

# bytes that are not UTF-8 where nobody looks at them
is(sql(q{SELECT v.reason, v.detail IS NOT NULL FROM email_verdict(E'j\xf6rg@eai.deliver.com') v}, 'sql_ascii'), 'invalid_syntax|t', 'SQL_ASCII: bytes that are not UTF-8 are no address');
is(sql(q{SELECT count(*) FROM unnest(ARRAY[E'\xff@eai.deliver.com', E'a\xc3@eai.deliver.com', E'a@\xc3.deliver.com', E'\xed\xa0\x80@eai.deliver.com']) a WHERE email_verify(a) = 'invalid_syntax'}, 'sql_ascii'), 4, '... of any kind');
is(sql(q{SELECT count(*) FROM email_verify.queue}, 'sql_ascii'), 0, '... and are not queued');
# an internationalized domain travels in ASCII
is(sql(q{SELECT email_verify('ok1@bücher-post.com', wait => '20 s')}, 'latin1'), 'smtp_deliverable', 'LATIN1: a domain that is not ASCII');
is(sql(q{SELECT address FROM email_verify.address}, 'latin1'), 'ok1@xn--bcher-post-9db.com', '... is stored as it travels');
is(sql(q{SELECT email_verify('ok1@bücher-post.com'), email_verify('ok1@xn--bcher-post-9db.com')}, 'latin1'), 'smtp_deliverable|smtp_deliverable', '... and known by both names');
# characters that a normal form would replace by ones that the encoding lacks are an answer, too
for my $local ("\x{212b}x", "\x{ff21}x", "\x{2460}x")
{
	my $result = $c->try(encode_utf8("SELECT email_verify('$local\@eai.deliver.com'), email_syntax_ok('$local\@eai.deliver.com')"), 'euc_jp');
	unlike($result->{err}, qr/ERROR/, sprintf('EUC_JP: U+%04X is no error', ord $local)) unless $result->{err} =~ /character with byte sequence .* in encoding "UTF8" has no equivalent/ && $result->{err} =~ /statement|SELECT/;
	pass('... or cannot be said there') if $result->{err} =~ /ERROR/;
}

is($c->stat(lc $_)->{errors_total}, 0, "$_: no store cycle failed") for sort keys %names;
$c->finish;
done_testing();
