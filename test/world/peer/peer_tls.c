/*
 * peer_tls.c
 *		STARTTLS: OpenSSL over memory BIOs, fed and drained by the session.
 *
 * OpenSSL never sees the socket.  Bytes from the client go in through peer_tls_input(), what
 * OpenSSL wants sent is taken from the other BIO after each step.
 */
#include <stdio.h>
#include <openssl/bio.h>
#include <openssl/err.h>

#include "peer.h"

bool
peer_tls_setup(const char *cert, const char *key)
{
	peer.tls = SSL_CTX_new(TLS_server_method());
	if (!peer.tls || SSL_CTX_use_certificate_chain_file(peer.tls, cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(peer.tls, key, SSL_FILETYPE_PEM) != 1)
	{
		ERR_print_errors_fp(stderr);
		return false;
	}
	return true;
}

bool
peer_tls_start(PeerSession *s)
{
	BIO *in = BIO_new(BIO_s_mem());
	BIO *out = BIO_new(BIO_s_mem());

	s->ssl = peer.tls ? SSL_new(peer.tls) : NULL;
	if (!s->ssl || !in || !out)
	{
		BIO_free(in);
		BIO_free(out);
		return false;
	}
	SSL_set_bio(s->ssl, in, out); /* owns them from here on */
	SSL_set_accept_state(s->ssl);
	return true;
}

static bool
flush(PeerSession *s)
{
	char buf[8192];
	int n;

	while ((n = BIO_read(SSL_get_wbio(s->ssl), buf, sizeof(buf))) > 0)
		if (!peer_write_raw(s, buf, (size_t) n))
			return false;
	return true;
}

void
peer_tls_input(PeerSession *s, const char *data, size_t len)
{
	char buf[PEER_LINE];
	int n;

	ERR_clear_error();
	if (BIO_write(SSL_get_rbio(s->ssl), data, (int) len) != (int) len)
	{
		peer_session_close(s, true);
		return;
	}
	if (!s->tls_up)
	{
		n = SSL_do_handshake(s->ssl);
		if (!flush(s))
			return;
		if (n == 1)
		{
			s->tls_up = true;
			PEER_COUNT(s->l, tls);
		}
		else if (SSL_get_error(s->ssl, n) != SSL_ERROR_WANT_READ)
		{
			PEER_COUNT(s->l, tls_failed);
			s->ending = true;
			peer_session_close(s, false);
			return;
		}
		else
			return;
	}
	while (!s->closed && (n = SSL_read(s->ssl, buf, sizeof(buf))) > 0)
		peer_session_input(s, buf, (size_t) n);
	if (!s->closed)
		flush(s);
}

bool
peer_tls_write(PeerSession *s, const char *data, size_t len)
{
	ERR_clear_error();
	/* a memory BIO takes everything, so a short write cannot happen once the handshake is done */
	if (len > 0 && SSL_write(s->ssl, data, (int) len) != (int) len)
	{
		peer_session_close(s, true);
		return false;
	}
	return flush(s);
}

/* Tell a TLS client that the end is meant: close_notify. */
void
peer_tls_bye(PeerSession *s)
{
	ERR_clear_error();
	if (s->ssl && s->tls_up)
	{
		SSL_shutdown(s->ssl);
		flush(s);
	}
}

void
peer_tls_free(PeerSession *s)
{
	SSL_free(s->ssl);
	s->ssl = NULL;
}
