# 052_cache_hazards.pl
#	A look-up reads the pages of the cache's hash index by itself.  What it must not fall for: a bucket that a crash left in
#	the middle of a split, entries that the primary server has marked as dead while a snapshot of the standby still sees
#	their rows, and statements that end in the middle of a look-up.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use Test::More;

use EmailVerifyCluster qw(skip_without_world);
use EmailVerifySession;

# bits of hasho_flag, and its page id, in access/hash.h
use constant { BUCKET_PAGE => 1 << 1, BEING_POPULATED => 1 << 4, BEING_SPLIT => 1 << 5, PAGE_ID => 0xFF80, NONE => 0xFFFFFFFF };
use constant MOVED_BY_SPLIT => 0x2000;
use constant N => 700;

skip_without_world();

# mode offline: what is not found is not queued, and nobody else writes the cache
my $c = EmailVerifyCluster->new('hazards',
	init => [ allows_streaming => 1 ],
	conf => { 'email_verify.mode' => 'offline', 'autovacuum' => 'off' });
my $node = $c->node;

$c->sql(q{CREATE FUNCTION keep(a text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO email_verify.address (address, status, reason, checked_at, fresh_until, expires_at)
	VALUES (a, 'valid', 'smtp_deliverable', now(), now() + interval '1 day', now() + interval '2 days') $$});

my $known = q{SELECT count(*) FROM generate_series(1, %d) i WHERE email_verify('u' || i || '@acme.com') = 'smtp_deliverable'};
sub known { my ($n) = @_; return $c->sql(sprintf $known, $n) }

# --- a statement ends in the middle ---------------------------------------------------------------------------------

$c->sql(sprintf q{DO $$ BEGIN FOR i IN 1..%d LOOP PERFORM keep('u' || i || '@acme.com'); END LOOP; END $$}, N);
is(known(N), N, 'all addresses are found');
my $s = EmailVerifySession->new($node);
my $said = '';
for my $ms (1 .. 20)
{
	$s->run("SET statement_timeout = ${ms}; " . sprintf $known, 10_000_000);
	$said .= $s->err;
}
is(scalar(() = $said =~ /statement timeout/g), 20, 'statements are cancelled while they look up');
unlike($said, qr/WARNING/, '... and leave nothing behind');
$s->run('RESET statement_timeout');
is($s->run(sprintf $known, N), N, '... and the next one finds all');
$s->run('BEGIN; SAVEPOINT a');
$s->run("SET LOCAL statement_timeout = 10; " . sprintf $known, 10_000_000);
$s->run('ROLLBACK TO a');
is($s->run(sprintf $known, N), N, '... also in the same transaction');
$s->run('TRUNCATE email_verify.address');
is($s->err, '', '... which holds nothing that keeps it from emptying the table');
is($s->run(sprintf $known, N), 0, '... then nothing is found');
$s->run('ROLLBACK');
$s->end;

# --- a split that was not finished ----------------------------------------------------------------------------------

# The newest bucket's items go back into the bucket that it was split from: so a crash before the first of them was copied
# leaves it.

sub items
{
	my ($page) = @_;
	my $lower = unpack 'x12 S', $page;
	return map { substr $page, $_ & 0x7fff, $_ >> 17 } unpack 'L*', substr $page, 24, $lower - 24;
}

# The same page with other items, in the order of their hashes
sub refill
{
	my ($page, $flag, @items) = @_;
	my ($lower, $upper, $special) = unpack 'x12 S3', $page;
	my @opaque = unpack 'L3 S2', substr $page, $special;
	my @pointers;
	$opaque[3] |= $flag;
	$upper = $special;
	for my $item (sort { unpack('x8 L', $a) <=> unpack('x8 L', $b) } @items)
	{
		$upper -= length $item;
		substr($page, $upper, length $item) = $item;
		push @pointers, $upper | 1 << 15 | length($item) << 17;
	}
	my $pointers = pack 'L*', @pointers;
	substr($page, 24, length $pointers) = $pointers;
	substr($page, 12, 4) = pack 'S2', 24 + length $pointers, $upper;
	substr($page, $special) = pack 'L3 S2', @opaque;
	die 'the items of two buckets do not fit one page' if 24 + length $pointers > $upper;
	return $page;
}

sub undo_last_split
{
	my ($file) = @_;
	open my $fh, '+<:raw', $file or die "$file: $!";
	my ($data, %bucket) = do { local $/; <$fh> };
	for my $n (0 .. length($data) / 8192 - 1)
	{
		my ($next, $bucket, $flag, $id) = unpack 'x4 L2 S2', substr $data, $n * 8192 + 8176, 16;
		$bucket{$bucket} = { n => $n, next => $next, page => substr $data, $n * 8192, 8192 }
		  if $id == PAGE_ID && $flag & BUCKET_PAGE;
	}
	my ($new) = sort { $b <=> $a } keys %bucket;
	my $half = 1;
	$half *= 2 while $half * 2 <= $new;
	my $old = $new - $half;
	my @moved = items($bucket{$new}{page});
	die "buckets $old and $new have overflow pages" if grep { $_->{next} != NONE } @bucket{ $old, $new };
	my @back = map { my $item = $_; substr($item, 6, 2) = pack 'S', unpack('x6 S', $item) & ~MOVED_BY_SPLIT; $item } @moved;
	my %changed = (
		$old => refill($bucket{$old}{page}, BEING_SPLIT, items($bucket{$old}{page}), @back),
		$new => refill($bucket{$new}{page}, BEING_POPULATED));
	for my $bucket (keys %changed)
	{
		seek $fh, $bucket{$bucket}{n} * 8192, 0;
		print $fh $changed{$bucket};
	}
	close $fh or die "$file: $!";
	return scalar @moved;
}

sub has_checksums { return $c->sql('SHOW data_checksums') eq 'on' }

SKIP:
{
	skip 'pages are edited as they are on little-endian machines with pages of 8 kB', 4
	  if pack('S', 1) ne "\1\0" || $c->sql('SHOW block_size') != 8192;
	my $file = $node->data_dir . '/' . $c->sql(q{SELECT pg_relation_filepath('email_verify.address_lookup')});
	my $checksums = has_checksums();
	$node->stop;
	$node->command_ok([ 'pg_checksums', '--disable', '-D', $node->data_dir ], 'checksums are off') if $checksums;
	my $moved = undo_last_split($file);
	cmp_ok($moved, '>', 50, 'a split is undone up to its beginning');
	$node->start;
	is(known(N), N, '... all addresses are found, also those that are still in the other bucket');
	is($c->sql(q{SET enable_seqscan = off; SELECT count(*) FROM generate_series(1, 700) i WHERE EXISTS
		(SELECT FROM email_verify.address WHERE address = 'u' || i || '@acme.com' OFFSET 0)}), N, '... as the access method does');
	# an insertion goes on with the split
	$c->sql(sprintf q{DO $$ BEGIN FOR i IN %d..%d LOOP PERFORM keep('u' || i || '@acme.com'); END LOOP; END $$}, N + 1, N + 100);
	is(known(N + 100), N + 100, '... and when others have been added');
}

# --- a standby ------------------------------------------------------------------------------------------------------

# An index scan that meets the entry of a row that nobody sees any more marks it.  Such marks are not in the WAL, but come with
# the image of a page.  A snapshot of the standby is nobody.
SKIP:
{
	skip 'pageinspect is not installed', 7
	  if $c->sql(q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pageinspect'}) == 0;
	my $gone = 'gone@acme.com';
	my $scan = "SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT count(*) FROM email_verify.address WHERE address = '$gone'";
	my $marked = q{SELECT sum(live_items) = 0 AND sum(dead_items) = 1 FROM generate_series(1, 2) n,
		hash_page_stats(get_raw_page('email_verify.address_lookup', n))};
	$c->sql('CREATE EXTENSION pageinspect; TRUNCATE email_verify.address; UPDATE pg_index SET indisvalid = false WHERE indexrelid = \'email_verify.address_pkey\'::regclass');
	$c->sql("SELECT keep('$gone')");
	$node->backup('backup');
	my $standby = PostgreSQL::Test::Cluster->new('hazards_standby');
	$standby->init_from_backup($node, 'backup', has_streaming => 1);
	$standby->append_conf('postgresql.conf', 'max_standby_streaming_delay = -1');
	$standby->start;
	$node->wait_for_catchup($standby);
	$s = EmailVerifySession->new($standby);
	$s->run('BEGIN ISOLATION LEVEL REPEATABLE READ');
	is($s->run("SELECT email_verify('$gone')"), 'smtp_deliverable', 'a standby: the address is known');
	$c->sql("DELETE FROM email_verify.address WHERE address = '$gone'");
	ok($c->poll("$scan \\g /dev/null\n$marked", 10), '... on the primary server it is deleted, and an index scan has marked its entry');
	$c->sql('CHECKPOINT');
	$c->sql(q{SELECT keep('v' || i || '@acme.com') FROM generate_series(1, 12) i});
	$node->wait_for_catchup($standby);
	is($s->run(q{SELECT sum(dead_items) FROM generate_series(1, 2) n, hash_page_stats(get_raw_page('email_verify.address_lookup', n))}), 1, '... which comes to the standby');
	is($s->run("SELECT email_verify('$gone')"), 'smtp_deliverable', '... a snapshot of the standby that sees the row finds it');
	is($s->run("SELECT email_verify('v1\@acme.com') = 'smtp_deliverable'"), 'f', '... and not what came after it');
	$s->run('COMMIT');
	isnt($s->run("SELECT email_verify('$gone')"), 'smtp_deliverable', '... the next one does not');
	is($s->run("SELECT email_verify('v1\@acme.com')"), 'smtp_deliverable', '... but what came later');
	$s->end;
	$standby->stop;
}

$c->finish;
done_testing();
