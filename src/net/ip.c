/*
 * ip.c
 *	  IP addresses; see ip.h.
 */
#include "net/ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "net/prober.h"

void
ev_ip_text(const struct ev_ip *ip, char *buf)
{
	if (inet_ntop(ip->v6 ? AF_INET6 : AF_INET, ip->bytes, buf, EV_IP_TEXT_MAX + 1) == NULL)
		buf[0] = '\0';
}

bool
ev_ip_parse(const char *text, struct ev_ip *out)
{
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, out->bytes) == 1)
		return true;
	out->v6 = true;
	return inet_pton(AF_INET6, text, out->bytes) == 1;
}

static bool
is_loopback(const struct ev_ip *ip)
{
	static const uint8_t loopback_v6[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

	return ip->v6 ? memcmp(ip->bytes, loopback_v6, 16) == 0 : ip->bytes[0] == 127;
}

bool
ev_ip_may_connect(const struct ev_ip *ip, const struct ev_prober_config *config,
                  const struct ev_nat64 *found)
{
	switch (ip->v6 ? ev_target_v6(ip->bytes, &config->nat64, found) : ev_target_v4(ip->bytes))
	{
		case EV_TARGET_PUBLIC: return true;
		case EV_TARGET_PRIVATE:
			return config->allow_private || (config->allow_loopback && is_loopback(ip));
		case EV_TARGET_RESERVED: break;
	}
	return false;
}

socklen_t
ev_ip_sockaddr(const struct ev_ip *ip, uint16_t port, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (ip->v6)
	{
		struct sockaddr_in6 *a = (struct sockaddr_in6 *) out;

		a->sin6_family = AF_INET6;
		a->sin6_port = htons(port);
		memcpy(&a->sin6_addr, ip->bytes, 16);
		return sizeof(*a);
	}
	else
	{
		struct sockaddr_in *a = (struct sockaddr_in *) out;

		a->sin_family = AF_INET;
		a->sin_port = htons(port);
		memcpy(&a->sin_addr, ip->bytes, 4);
		return sizeof(*a);
	}
}
