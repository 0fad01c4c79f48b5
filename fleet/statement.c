#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/sid.h"
#include "fleet/reply.h"
#include "fleet/statement.h"

/* No signature of these keys is made, or taken, for anything else. */
#define DOMAIN "sessd-fleet statement 1\n"

#define SIGNATURE_HEX (2 * SECRET_SIGNATURE)

/* What the signature covers; to be freed. */
static unsigned char *covered(const char *text, size_t len, size_t *ret_len)
{
	unsigned char *bytes = malloc(sizeof(DOMAIN) - 1 + len);

	if (bytes == NULL)
		return NULL;
	memcpy(bytes, DOMAIN, sizeof(DOMAIN) - 1);
	memcpy(bytes + sizeof(DOMAIN) - 1, text, len);
	*ret_len = sizeof(DOMAIN) - 1 + len;
	return bytes;
}

char *statement_seal(json_t *text, const char *at, const char *name, const struct secret *secret)
{
	uint8_t signature[SECRET_SIGNATURE];
	char hex[SIGNATURE_HEX + 1], *words, *value = NULL;
	unsigned char *bytes = NULL;
	json_t *whole;
	size_t len;

	if (text == NULL || json_object_set_new(text, "at", json_string(at)) < 0)
		return NULL;
	words = json_dumps(text, JSON_COMPACT);
	if (words != NULL)
		bytes = covered(words, strlen(words), &len);
	if (bytes != NULL) {
		secret_sign(secret, bytes, len, signature);
		whole = json_pack("{s:s,s:s,s:s}", "signed", words, "key", name, "signature",
			hex_encode(signature, sizeof(signature), hex));
		value = whole != NULL ? json_dumps(whole, JSON_COMPACT) : NULL;
		json_decref(whole);
	}
	free(bytes);
	free(words);
	return value;
}

static bool parse_signature(const char *hex, uint8_t ret[SECRET_SIGNATURE])
{
	size_t n = 0;

	return strlen(hex) == SIGNATURE_HEX &&
	       sodium_hex2bin(ret, SECRET_SIGNATURE, hex, SIGNATURE_HEX, NULL, &n, NULL) == 0 &&
	       n == SECRET_SIGNATURE;
}

static bool is_of(const struct signer *signer, const char *text, size_t text_len,
	const uint8_t signature[SECRET_SIGNATURE])
{
	size_t len;
	unsigned char *bytes = covered(text, text_len, &len);
	bool own = bytes != NULL &&
		   crypto_sign_verify_detached(signature, bytes, len, signer->key) == 0;

	free(bytes);
	return own;
}

static enum statement_verdict open_whole(
	const json_t *whole, const char *at, const struct signers *signers, struct statement *ret)
{
	const json_t *text = json_object_get(whole, "signed");
	char name[TEXT_STR_MAX + 1], hex[SIGNATURE_HEX + 1];
	uint8_t signature[SECRET_SIGNATURE];
	struct statement s;
	const char *place;

	reply_text(whole, "key", name, sizeof(name));
	reply_text(whole, "signature", hex, sizeof(hex));
	if (!json_is_string(text) || name[0] == '\0' || !parse_signature(hex, signature))
		return STATEMENT_MALFORMED;
	s.by = signers_find(signers, name);
	if (s.by == NULL)
		return STATEMENT_UNKNOWN_KEY;
	if (!is_of(s.by, json_string_value(text), json_string_length(text), signature))
		return STATEMENT_BAD_SIGNATURE;
	s.text = reply_json(json_string_value(text), json_string_length(text));
	place = json_string_value(json_object_get(s.text, "at"));
	if (place == NULL) {
		json_decref(s.text);
		return STATEMENT_MALFORMED;
	}
	*ret = s;
	return strcmp(place, at) == 0 ? STATEMENT_GENUINE : STATEMENT_MISPLACED;
}

enum statement_verdict statement_open(const char *value, size_t len, const char *at,
	const struct signers *signers, struct statement *ret)
{
	json_t *whole = len <= STATEMENT_MAX ? reply_json(value, len) : NULL;
	enum statement_verdict verdict = open_whole(whole, at, signers, ret);

	json_decref(whole);
	return verdict;
}

void statement_fini(struct statement *statement)
{
	json_decref(statement->text);
	*statement = (struct statement){.text = NULL};
}

void statement_claims(const char *value, size_t len, const char *at, struct statement_claim *ret)
{
	json_t *whole = len <= STATEMENT_MAX ? reply_json(value, len) : NULL, *text = NULL;
	const json_t *inner = json_object_get(whole, "signed");
	const char *place;
	struct sid ignored;

	*ret = (struct statement_claim){.key = ""};
	if (json_is_string(inner))
		text = reply_json(json_string_value(inner), json_string_length(inner));
	reply_text(whole, "key", ret->key, sizeof(ret->key));
	place = json_string_value(json_object_get(text, "at"));
	if (place != NULL && strcmp(place, at) == 0)
		reply_text(text, "order", ret->order, sizeof(ret->order));
	if (!sid_parse(ret->order, &ignored))
		ret->order[0] = '\0';
	json_decref(text);
	json_decref(whole);
}

void statement_say(enum statement_verdict verdict, const struct statement_claim *claim,
	char ret[TEXT_STR_MAX + 1])
{
	const char *words = "it is genuine";

	switch (verdict) {
	case STATEMENT_MALFORMED:
		words = "it is not signed";
		break;
	case STATEMENT_UNKNOWN_KEY:
		snprintf(ret, TEXT_STR_MAX + 1, "its fleet.keys does not have the key %s",
			claim->key[0] != '\0' ? claim->key : "that signed it");
		return;
	case STATEMENT_BAD_SIGNATURE:
		words = "its signature is not that of the key that it names";
		break;
	case STATEMENT_MISPLACED:
		words = "it was signed for another host or lock";
		break;
	case STATEMENT_GENUINE:
		break;
	}
	snprintf(ret, TEXT_STR_MAX + 1, "%s", words);
}
