# dns.sh - NSD and unbound of one world.  Sourced by `world`.
#
# NSD is authoritative for "." and so for everything; unbound in front of it is what a client
# asks: it caches, sets RA, and gives the two answers no authoritative server gives, REFUSED and
# none at all.  Both are told not to change user and not to chroot, so they run as whoever starts
# the world.

# The 64 bulk domains: two MXs each, at consecutive addresses.
corp_zone() {
	local i name
	printf '; generated: domains of the bulk listeners "corp" and "corpb" of peer.conf\n$ORIGIN .\n'
	for ((i = 1; i <= 64; i++)); do
		printf -v name 'corp%03d.com.' "$i"
		printf '%s\tMX\t10 mx1.%s\n%s\tMX\t20 mx2.%s\n' "$name" "$name" "$name" "$name"
		printf 'mx1.%s\tA\t127.20.0.%d\nmx2.%s\tA\t127.20.1.%d\n' "$name" "$i" "$name" "$i"
	done
}

dns_configure() {
	local d=$DIR/dns
	mkdir -p "$d/xfr"
	cp "$HERE"/zones/*.zone "$d/"
	corp_zone >"$d/corp.zone"
	cat >"$d/nsd.conf" <<-END
		server:
		    ip-address: 127.0.0.1@$PORT_AUTH
		    username: ""
		    chroot: ""
		    zonesdir: "$d"
		    database: ""
		    pidfile: "$d/nsd.pid"
		    xfrdfile: "$d/xfrd.state"
		    xfrdir: "$d/xfr"
		    zonelistfile: "$d/zone.list"
		    server-count: 1
		    rrl-ratelimit: 0
		    hide-version: yes
		remote-control:
		    control-enable: no
		zone:
		    name: "."
		    zonefile: "root.zone"
		# A zone without its file: SERVFAIL, also for the names below it.
		zone:
		    name: "servfail.deliver.com"
		    zonefile: "missing-on-purpose"
		zone:
		    name: "servfail.com"
		    zonefile: "missing-on-purpose"
	END
	cat >"$d/unbound.conf" <<-END
		server:
		    interface: 127.0.0.1@$PORT_DNS
		    access-control: 127.0.0.0/8 allow
		    do-daemonize: no
		    do-ip6: no
		    username: ""
		    chroot: ""
		    directory: "$d"
		    pidfile: "$d/unbound.pid"
		    use-syslog: no
		    logfile: ""
		    verbosity: 1
		    num-threads: 1
		    do-not-query-localhost: no
		    module-config: "iterator"
		    qname-minimisation: no
		    cache-max-negative-ttl: 10
		    infra-host-ttl: 1
		    outgoing-range: 900
		    num-queries-per-thread: 4096
		    # the reverse zone of loopback is ours, not unbound's built-in one
		    local-zone: "127.in-addr.arpa." nodefault
		    local-zone: "dnstimeout.deliver.com." deny
		    local-zone: "_email-verify.optouttimeout.deliver.com." deny
		    local-zone: "timeout.com." deny
		    local-zone: "refused.deliver.com." refuse
		    local-zone: "refused.com." refuse
		remote-control:
		    control-enable: no
		forward-zone:
		    name: "."
		    forward-addr: 127.0.0.1@$PORT_AUTH
	END
}

dns_start() {
	daemon nsd nsd -d -c "$DIR/dns/nsd.conf"
	daemon unbound unbound -d -c "$DIR/dns/unbound.conf"
	CHECKS+=("dns:127.0.0.1:$PORT_AUTH" "dns:127.0.0.1:$PORT_DNS")
}
