/*
 * tls.h
 *	  The client's side of TLS over memory: cipher text in and out, no sockets.
 *
 * Opportunistic (RFC 7435): certificates are not verified, and old protocols are better than none.
 */
#ifndef EV_TLS_H
#define EV_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

struct ev_tls
{
	SSL *ssl;
	BIO *in;  /* cipher text from the peer */
	BIO *out; /* cipher text to be sent */
	bool up;
	bool failed;
};

extern SSL_CTX *ev_tls_context(void);

extern bool ev_tls_open(struct ev_tls *tls, SSL_CTX *context, const char *host);
extern void ev_tls_close(struct ev_tls *tls);

/* Cipher text has come.  False when there is no memory. */
extern bool ev_tls_feed(struct ev_tls *tls, const char *bytes, size_t n);

/* Go on with the handshake; sets up or failed. */
extern void ev_tls_handshake(struct ev_tls *tls);

/* Clear text: how many bytes there were, 0 for none at present; sets failed at the end. */
extern size_t ev_tls_read(struct ev_tls *tls, char *buf, size_t size);
extern bool ev_tls_write(struct ev_tls *tls, const char *bytes, size_t n);

/* Say that nothing will follow. */
extern void ev_tls_shutdown(struct ev_tls *tls);

/* Cipher text to be sent, and how much of it was. */
extern size_t ev_tls_output(struct ev_tls *tls, const char **bytes);
extern void ev_tls_sent(struct ev_tls *tls, size_t n);

#endif
