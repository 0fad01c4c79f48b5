#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sessctl/conn.h"
#include "sessctl/vitals.h"

struct vitals {
	struct findings *findings;
	struct wire_state state;
	uint64_t logins;  /* among the sessions of the first page */
	uint64_t audited; /* those that have an audit session */
};

static void trouble(const struct vitals *v, enum finding_kind kind, const char *text)
{
	if (text[0] != '\0')
		findings_add(v->findings, kind, (struct where){"sessd", 0}, text);
}

static void count(struct vitals *v, const struct wire_session *s)
{
	if (s->class != CLASS_LOGIN || s->phase != PHASE_ACTIVE)
		return;
	v->logins++;
	v->audited += s->audit_session != 0;
}

/* One page of the list is enough to see whether logins have audit sessions. */
static int ask_logins(struct vitals *v, struct conn *c)
{
	struct wire_list ask = {0};
	int r = conn_ask(c, WIRE_list, &ask);

	while (r == EXIT_DONE && (r = conn_next(c)) == EXIT_DONE) {
		if (c->frame.type == WIRE_done)
			return EXIT_DONE;
		if (c->frame.type != WIRE_session)
			return conn_strange(c);
		count(v, &c->frame.u.session);
	}
	return r;
}

static int ask(struct vitals *v, struct context *ctx)
{
	struct conn c;
	int r = conn_open(&c, ctx);

	if (r != EXIT_DONE)
		return r;
	r = conn_status(&c, &v->state);
	if (r == EXIT_DONE)
		r = ask_logins(v, &c);
	conn_close(&c);
	return r;
}

static void judge(const struct vitals *v)
{
	trouble(v, FINDING_DAEMON_LEDGER, v->state.ledger_error);
	trouble(v, FINDING_DAEMON_CONFIG, v->state.config_error);
	if (v->logins > 0 && v->audited == 0)
		findings_add(v->findings, FINDING_AUDIT_UNSET, (struct where){"kernel", 0}, "");
}

/* What conn.c would have told the user: one line, `sessctl: ...`. */
static const char *said_of(char *text)
{
	const char *colon = strstr(text, ": ");

	text[strcspn(text, "\n")] = '\0';
	return colon != NULL ? colon + 2 : text;
}

int vitals_check(const struct context *ctx, struct findings *findings)
{
	struct vitals v = {.findings = findings};
	struct context quiet = *ctx;
	char *said = NULL;
	size_t len;
	int r;

	quiet.err = open_memstream(&said, &len);
	if (quiet.err == NULL)
		return -ENOMEM;
	quiet.progress = (struct progress){.err = quiet.err};
	r = ask(&v, &quiet);
	if (fclose(quiet.err) != 0) {
		free(said);
		return -ENOMEM;
	}
	if (r == EXIT_DONE)
		judge(&v);
	else
		trouble(&v, FINDING_DAEMON, said_of(said));
	free(said);
	return 0;
}
