# 053_update_data.pl
#	script/update-data makes the lists of the packages that data/SOURCES names and of no others: one with another hash is refused,
#	wherever it comes from, and what somebody has unpacked beside it is not read.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex sha512_base64);
use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Path qw(make_path);
use File::Temp ();
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'dpkg-deb makes the packages' if !grep { -x "$_/dpkg-deb" } split /:/, $ENV{PATH};
my $root = $ENV{EV_ROOT} // dirname(__FILE__) . '/../..';
my $tree = File::Temp->newdir;
my $given = "$tree/given";
make_path("$tree/script", "$tree/data", $given);
copy("$root/script/update-data", "$tree/script/update-data") or die "copy: $!";
copy($_, "$tree/data") or die "copy: $!" for glob "$root/data/*.t*";

sub put
{
	my ($file, $text) = @_;
	make_path(dirname($file));
	open my $fh, '>', $file or die "$file: $!";
	print $fh $text;
	close $fh or die "$file: $!";
	return;
}

# --- packages of our own, small ones ----------------------------------------------------------------------------------------

my %content = (
	'disposable-email-domains-js' => { 'dist/dict/disposable_email_blocklist.json' => '["throwaway.test", "gone.test"]' },
	'mailchecker' => { 'platform/node/index.js' => 'new Set(["throwaway.test","reported.test"])' },
	'freemail' => { 'data/free.txt' => "mailboxes.test\n" },
	'@mikkelscheike/email-provider-links' => { 'dist/providers/emailproviders.json' => '{"providers": [{"domains": ["gmail.com"]}]}' },
	'spamassassin' => {
		'usr/share/spamassassin/20_freemail_domains.cf' => "freemail_domains consumer.test\n",
		'usr/share/spamassassin/20_freemail_mailcom_domains.cf' => "freemail_domains vanity.test\n" },
	'publicsuffix' => { 'usr/share/publicsuffix/public_suffix_list.dat' => "com\ntest\n" });
my %file;
my $sources = '';
for my $line (split /\n/, slurp_file("$root/data/SOURCES"))
{
	next if $line =~ /^#/;
	my ($kind, $name, $version, $licence) = split /\t/, $line;
	my $base = $name =~ s/^@//r =~ s!/!-!r;
	my $place = "$tree/made/$base";
	my $inside = $kind eq 'npm' ? "$place/package" : $place;
	put("$inside/$_", $content{$name}{$_}) for keys %{ $content{$name} };
	$file{$name} = "$given/" . ($kind eq 'npm' ? "$base-$version.tgz" : "${name}_${version}_all.deb");
	put("$place/DEBIAN/control", "Package: $name\nVersion: $version\nArchitecture: all\nMaintainer: nobody\nDescription: none\n") if $kind eq 'deb';
	my $how = $kind eq 'npm' ? "tar czf '$file{$name}' -C '$place' package" : "dpkg-deb --root-owner-group -b '$place' '$file{$name}'";
	is(system("$how >/dev/null 2>&1"), 0, "$name: a package");
	my $bytes = slurp_file($file{$name});
	$sources .= join("\t", $kind, $name, $version, $licence, $kind eq 'npm' ? 'sha512-' . sha512_base64($bytes) . '==' : 'sha256:' . sha256_hex($bytes)) . "\n";
}
is(join(' ', sort keys %file), join(' ', sort keys %content), 'these are the packages that data/SOURCES names');

sub update
{
	my $out = `'$^X' '$tree/script/update-data' --accept '$given' 2>&1 </dev/null`;
	return ($?, $out);
}

sub lists { return join("\n--\n", map { slurp_file("$tree/data/$_") } qw(disposable.txt free.txt not_disposable.txt)) }

# --- the right ones -----------------------------------------------------------------------------------------------------------

put("$tree/data/SOURCES", $sources);
my ($status, $out) = update();
is($status, 0, 'packages that have their hashes are taken') or diag $out;
like(slurp_file("$tree/data/disposable.txt"), qr/^gone\.test\nreported\.test\nthrowaway\.test\n\z/m, '... and the list is made of them');
like(slurp_file("$tree/data/free.txt"), qr/^consumer\.test$/m, '... and the other one');

# --- another one ----------------------------------------------------------------------------------------------------------------

my $before = lists();
for my $name (sort keys %file)
{
	my $right = slurp_file($file{$name});
	my $evil = "$tree/made/" . ($name =~ s/^@//r =~ s!/!-!r);
	put(($file{$name} =~ /tgz$/ ? "$evil/package/" : "$evil/") . 'README', 'not the same');
	system($file{$name} =~ /tgz$/ ? "tar czf '$file{$name}' -C '$evil' package" : "dpkg-deb --root-owner-group -b '$evil' '$file{$name}' >/dev/null");
	($status, $out) = update();
	isnt($status, 0, "$name: a package with another hash is refused");
	like($out, qr/\Q$file{$name}\E is not the package that data\/SOURCES names:\n +it has +sha\S+\n +and not +sha\S+\n/, '... by name, with both hashes');
	is(lists(), $before, '... and no list has changed');
	put($file{$name}, $right);
}

# what is unpacked is of no more worth than the package that it was
for my $place (glob "$given/unpacked/disposable* $given/disposable-email-domains-js-1.26.0")
{
	put("$place/dist/dict/disposable_email_blocklist.json", '["slipped-in.test"]');
}
put("$given/disposable-email-domains-js-1.26.0/dist/dict/disposable_email_blocklist.json", '["slipped-in.test"]');
($status, $out) = update();
is($status, 0, 'beside what somebody has unpacked the lists are made') or diag $out;
is(lists(), $before, '... of the package');

# --- no hash ----------------------------------------------------------------------------------------------------------------------

for my $hash ('', 'sha512-', 'sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709', 'sha256:6cee')
{
	put("$tree/data/SOURCES", $sources =~ s/^(npm\tfreemail\t.*\t)sha512\S+$/$1$hash/mr);
	($status, $out) = update();
	isnt($status, 0, "a source with the hash \"$hash\" is none");
	like($out, qr/^data\/SOURCES: no kind, package, version, licence and hash: npm\tfreemail/, '... and it is said which');
}
is(lists(), $before, '... and no list has changed');
done_testing();
