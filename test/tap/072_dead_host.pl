# 072_dead_host.pl
#	A mail server that nobody reaches is dead only after its whole schedule, and only while others answer; until then the address
#	is asked for again, and what ends the wait on our side is never held against it.

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use EmailVerifyCluster qw(skip_without_world);

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('dead', conf => { 'log_statement' => 'none', 'email_verify.connection_delays' => '1s, 1s' });

sub said
{
	my ($address) = @_;
	my $row = $c->row($address);
	return join ' ', map { $_ // '-' } @{$row}{qw(status reason detail)};
}
sub ended
{
	my ($address) = @_;
	return $c->poll("SELECT NOT EXISTS (SELECT FROM email_verify.queue WHERE address = '$address') AND EXISTS (SELECT FROM email_verify.address WHERE address = '$address')");
}

# nobody has answered yet: it may be our fault
$c->verify('ok1@alldead.deliver.com');
is(said('ok1@alldead.deliver.com'), 'unknown smtp_connection_failed connection_refused', 'a host that nobody reaches, once');
ok(ended('ok1@alldead.deliver.com'), '... and until its schedule is used up');
is(said('ok1@alldead.deliver.com'), 'unknown smtp_connection_failed connection_refused', '... is not called dead while nobody else has answered');

# others answer
$c->verify('ok1@ok.deliver.com');
$c->verify('ok2@alldead.deliver.com');
is(said('ok2@alldead.deliver.com'), 'unknown smtp_connection_failed connection_refused', 'others answer, it does not: once');
ok(ended('ok2@alldead.deliver.com'), '... three times');
is(said('ok2@alldead.deliver.com'), 'invalid host_not_found mx_dead', '... it is not there');

$c->finish;
done_testing();
