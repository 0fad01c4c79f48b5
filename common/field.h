/*
 * What a record is made of: rows of {kind, name, tag, presence}.
 *
 * A record (a message on the wire, a line of the ledger) is declared once, as a macro that lists
 *its rows; from the rows follow its struct (FIELD_DECL), its table (FIELD_ROW), and with the table
 *the encoder and decoder (wire.c) and the JSON writer (json.c). A row says
 *
 *	F(R, KIND, name, tag, REQUIRED | OPTIONAL)
 *
 * where R is handed through, so that a row can name its struct.
 *
 * An optional field that is zero or empty is left out when written, and is zero or empty after
 * reading a record that lacks it; so zero must never be a meaningful value of an optional field.
 */
#ifndef COMMON_FIELD_H
#define COMMON_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/reason.h"
#include "common/sid.h"
#include "common/terms.h"
#include "common/text.h"

/* Supplementary groups that a login may carry; what a directory gives beyond them is cut off by the
 * module, which says so in the log. */
#define FIELD_GIDS_MAX 1024

#define FIELD_HEX_MAX 128

struct gids {
	uint32_t n;
	uint32_t gid[FIELD_GIDS_MAX];
};

struct opt_uid {
	bool set;
	uint32_t uid;
};

/* Bytes that belong to somebody else: to the frame they were decoded from, or to the writer. */
struct blob {
	const void *data;
	size_t len;
};

enum field_kind {
	FIELD_U64,
	FIELD_BOOL,
	FIELD_UID,  /* 0 is root, so that it is there or not is said apart */
	FIELD_TIME, /* ns since the epoch, wall clock; JSON: RFC 3339, UTC */
	FIELD_DUR,  /* ns; JSON: seconds with six decimals */
	FIELD_REASON,
	FIELD_CLASS,
	FIELD_PHASE,
	FIELD_SID,
	FIELD_TOKEN, /* never printed */
	FIELD_STR,   /* text of at most TEXT_STR_MAX bytes, see text.h */
	FIELD_TEXT,  /* text of at most TEXT_LONG_MAX bytes */
	FIELD_GIDS,
	FIELD_BLOB, /* never printed */
	FIELD_HEX,  /* at most FIELD_HEX_MAX lower-case hex digits: a public key, a signature */
};

#define FIELD_DECL_U64(name)	uint64_t name;
#define FIELD_DECL_BOOL(name)	bool name;
#define FIELD_DECL_UID(name)	struct opt_uid name;
#define FIELD_DECL_TIME(name)	uint64_t name;
#define FIELD_DECL_DUR(name)	uint64_t name;
#define FIELD_DECL_REASON(name) enum reason name;
#define FIELD_DECL_CLASS(name)	enum session_class name;
#define FIELD_DECL_PHASE(name)	enum phase name;
#define FIELD_DECL_SID(name)	struct sid name;
#define FIELD_DECL_TOKEN(name)	struct token name;
#define FIELD_DECL_STR(name)	char name[TEXT_STR_MAX + 1];
#define FIELD_DECL_TEXT(name)	char name[TEXT_LONG_MAX + 1];
#define FIELD_DECL_GIDS(name)	struct gids name;
#define FIELD_DECL_BLOB(name)	struct blob name;
#define FIELD_DECL_HEX(name)	char name[FIELD_HEX_MAX + 1];

#define FIELD_DECL(record, kind, name, tag, presence) FIELD_DECL_##kind(name)

enum field_presence { FIELD_OPTIONAL, FIELD_REQUIRED };

struct field {
	enum field_kind kind;
	enum field_presence presence;
	uint16_t tag; /* unique within its record, and never given to another field later */
	size_t offset;
	const char *name;
};

/* A row of the table of struct `record`. */
#define FIELD_ROW(record, kind_, name_, tag_, presence_)  \
	{                                                 \
		.kind = FIELD_##kind_,                    \
		.presence = FIELD_##presence_,            \
		.tag = (tag_),                            \
		.offset = offsetof(struct record, name_), \
		.name = #name_,                           \
	},

static inline const void *field_at(const struct field *f, const void *record)
{
	return (const char *)record + f->offset;
}

/* True when the field holds nothing: zero, the empty string, no groups. */
bool field_empty(const struct field *f, const void *record);

/* The number that a field of a number-like kind (U64 to PHASE) holds. */
uint64_t field_number(const struct field *f, const void *record);

#endif
