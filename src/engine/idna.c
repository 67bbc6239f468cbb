/*
 * idna.c
 *	  Internationalised names through libidn2 (RFC 5891, UTS 46) and libunistring.
 */
#include "engine/idna.h"

#include <stdlib.h>
#include <string.h>

#include <idn2.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>
#include <unistring/version.h>

/* A domain of 253 octets in A-labels is never longer than this in UTF-8. */
#define UTF8_DOMAIN_MAX 1024

/*
 * Not IDN2_USE_STD3_ASCII_RULES: where it meets a character that a host name may not have, it drops
 * it and goes on, so that "a_b" with an umlaut somewhere becomes another name.  is_host_name()
 * looks instead.
 */
#define IDN_FLAGS (IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL)

/* Letters, digits and inner hyphens in labels that are not empty?  Lower case is enough. */
static bool
is_host_name(const char *name)
{
	const char *label = name;

	for (const char *p = name;; p++)
	{
		if (*p == '.' || *p == '\0')
		{
			if (p == label || *label == '-' || p[-1] == '-')
				return false;
			if (*p == '\0')
				return true;
			label = p + 1;
		}
		else if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '-'))
			return false;
	}
}

/*
 * Do the xn-- labels of an ASCII domain decode, and encode to themselves again?  Otherwise two
 * spellings of one name could be two keys of the cache.
 */
static bool
round_trips(const char *ascii)
{
	char *unicode = NULL;
	uint8_t *again = NULL;
	bool ok = false;

	if (strstr(ascii, "xn--") == NULL)
		return true;
	if (idn2_to_unicode_8z8z(ascii, &unicode, 0) == IDN2_OK &&
	    idn2_lookup_u8((const uint8_t *) unicode, &again, IDN_FLAGS) == IDN2_OK)
		ok = strcmp((const char *) again, ascii) == 0;
	idn2_free(unicode);
	idn2_free(again);
	return ok;
}

size_t
ev_idna_to_ascii(const char *domain, size_t n, char *out, size_t size)
{
	char input[UTF8_DOMAIN_MAX + 1];
	uint8_t *ascii = NULL;
	size_t len = 0;

	if (n == 0 || n > UTF8_DOMAIN_MAX || memchr(domain, '\0', n) != NULL)
		return 0;
	memcpy(input, domain, n);
	input[n] = '\0';

	if (idn2_lookup_u8((const uint8_t *) input, &ascii, IDN_FLAGS) == IDN2_OK)
	{
		/* labels that were ASCII all along come back as they were */
		for (uint8_t *p = ascii; *p != '\0'; p++)
			if (*p >= 'A' && *p <= 'Z')
				*p += 'a' - 'A';
		len = strlen((const char *) ascii);
		if (len < size && is_host_name((const char *) ascii) && round_trips((const char *) ascii))
			memcpy(out, ascii, len + 1);
		else
			len = 0;
	}
	idn2_free(ascii);
	return len;
}

/* May this code point stand in an address?  ASCII is the syntax check's business. */
static bool
code_point_ok(ucs4_t c)
{
	if (c < 0x80)
		return true;
	if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Cn |
	                                            UC_CATEGORY_MASK_Co | UC_CATEGORY_MASK_Cs |
	                                            UC_CATEGORY_MASK_Zs | UC_CATEGORY_MASK_Zl |
	                                            UC_CATEGORY_MASK_Zp))
		return false;
	return !uc_is_property_default_ignorable_code_point(c) && !uc_is_property_bidi_control(c);
}

/* The last code point of a text, 0 when it is empty. */
static ucs4_t
last_code_point(const uint8_t *bytes, size_t n)
{
	ucs4_t c = 0;

	if (n > 0)
		(void) u8_prev(&c, bytes + n, bytes);
	return c;
}

/*
 * Zero-width non-joiner between letters that would join: RFC 5892 A.1, which reads
 * (L|D) T* ZWNJ T* (R|D).
 */
static bool
breaks_a_join(const uint8_t *bytes, size_t n, size_t zwnj, size_t behind)
{
	ucs4_t c;
	int type = UC_JOINING_TYPE_U;

	for (size_t i = zwnj; i > 0;)
	{
		const uint8_t *prev = u8_prev(&c, bytes + i, bytes);

		if (prev == NULL || (type = uc_joining_type(c)) != UC_JOINING_TYPE_T)
			break;
		i = (size_t) (prev - bytes);
	}
	if (type != UC_JOINING_TYPE_L && type != UC_JOINING_TYPE_D)
		return false;
	for (type = UC_JOINING_TYPE_U; behind < n;)
	{
		int used = u8_mbtoucr(&c, bytes + behind, n - behind);

		if (used <= 0 || (type = uc_joining_type(c)) != UC_JOINING_TYPE_T)
			break;
		behind += (size_t) used;
	}
	return type == UC_JOINING_TYPE_R || type == UC_JOINING_TYPE_D;
}

/* May this joiner stand at `at`?  RFC 5892 A.1 and A.2. */
static bool
joiner_ok(ucs4_t c, const uint8_t *bytes, size_t n, size_t at, size_t behind)
{
	if (at > 0 && uc_combining_class(last_code_point(bytes, at)) == UC_CCC_VR)
		return true;
	return c == 0x200c && breaks_a_join(bytes, n, at, behind);
}

enum ev_detail
ev_unicode_text_fault(const char *text, size_t n, size_t *at)
{
	const uint8_t *bytes = (const uint8_t *) text;
	uint8_t buf[512];
	size_t len = sizeof(buf);
	uint8_t *normal;
	bool same;

	for (size_t i = 0; i < n;)
	{
		ucs4_t c;
		int used = u8_mbtoucr(&c, bytes + i, n - i);

		*at = i;
		if (used <= 0)
			return EV_DETAIL_INVALID_ENCODING;
		if (c == 0x200c || c == 0x200d ? !joiner_ok(c, bytes, n, i, i + (size_t) used)
		                               : !code_point_ok(c))
			return EV_DETAIL_DISALLOWED_CHARACTER;
		i += (size_t) used;
	}

	normal = u8_normalize(UNINORM_NFC, bytes, n, buf, &len);
	same = normal != NULL && len == n && memcmp(normal, bytes, n) == 0;
	for (*at = 0; !same && normal != NULL && *at < len && *at < n; ++*at)
		if (normal[*at] != bytes[*at])
			break;
	if (normal != buf)
		free(normal);

	/* a place inside a character is no place */
	while (!same && *at > 0 && *at < n && (bytes[*at] & 0xc0) == 0x80)
		--*at;
	return same || n == 0 ? EV_DETAIL_NONE : EV_DETAIL_NOT_NFC;
}

size_t
ev_unicode_lower(const char *text, size_t n, char *out, size_t size)
{
	uint8_t buf[512];
	size_t len = sizeof(buf);
	uint8_t *folded = u8_tolower((const uint8_t *) text, n, "", UNINORM_NFC, buf, &len);

	if (folded == NULL || len > size)
	{
		if (out != text)
			memcpy(out, text, n);
		len = n;
	}
	else
		memcpy(out, folded, len);
	if (folded != buf)
		free(folded);
	return len;
}

const char *
ev_idn2_version(void)
{
	return idn2_check_version(NULL);
}

unsigned
ev_unistring_version(void)
{
	return (unsigned) _libunistring_version;
}
