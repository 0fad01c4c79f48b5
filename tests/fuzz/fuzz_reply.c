/*
 * Any bytes as the daemon's reply to acct, open and close: nothing but a grant lets anybody in,
 * nothing that was refused is PAM_SUCCESS, and what is shown is one line of text.
 *
 * fuzz_reply --seeds DIR writes a reply of each kind, and ends.
 */
#include <security/_pam_types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pam_module/answer.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so, const char *what)
{
	if (so)
		return;
	fprintf(stderr, "fuzz_reply: %s\n", what);
	abort();
}

/* What each verdict may rest on. */
static bool founded(enum wire_type request, const struct wire_frame *frame, enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_HOSTILE:
		return true;
	case VERDICT_REFUSED:
		return request != WIRE_close && frame->type == WIRE_refused;
	case VERDICT_UNAVAILABLE:
		return frame->type == WIRE_error;
	case VERDICT_OUTDATED:
		return request == WIRE_acct && frame->type == WIRE_outdated;
	case VERDICT_UNKNOWN:
		return request == WIRE_close && frame->type == WIRE_error &&
		       frame->u.error.code == WIRE_E_NO_SESSION;
	case VERDICT_UNTRACKED:
		return request != WIRE_close && frame->type == WIRE_granted &&
		       !frame->u.granted.tracked;
	case VERDICT_GRANTED:
		return request != WIRE_close && frame->type == WIRE_granted &&
		       frame->u.granted.tracked;
	case VERDICT_CLOSED:
		return request == WIRE_close && frame->type == WIRE_done;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum wire_type requests[] = {WIRE_acct, WIRE_open, WIRE_close};
	static struct wire_frame frame;
	static struct answer answer;
	size_t i;

	if (wire_decode(data, size, &frame) < 0)
		return 0;
	for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		memset(&answer, 0xff, sizeof(answer));
		answer_of_frame(requests[i], &frame, &answer);
		must(founded(requests[i], &frame, answer.verdict), "an unfounded verdict");
		must(!answer.keep_token || answer.verdict == VERDICT_GRANTED,
			"a token for a session that was not granted");
		must(memchr(answer.text, '\0', sizeof(answer.text)) != NULL, "an endless text");
		must(text_valid(answer.text, strlen(answer.text)), "a text that cannot be shown");
		must(answer_pam(answer.reason) != PAM_SUCCESS, "a refusal that is a success");
	}
	return 0;
}

static void seed(const char *dir, const char *name, enum wire_type type, const void *msg)
{
	static uint8_t buf[WIRE_MAX];
	char path[4096];
	size_t len;
	FILE *fp;

	must(wire_encode(type, 1, msg, buf, sizeof(buf), &len) == 0, "a bad seed");
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fp = fopen(path, "we");
	must(fp != NULL && fwrite(buf, 1, len, fp) == len && fclose(fp) == 0,
		"cannot write a seed");
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct wire_granted granted = {.tracked = true, .keep_token = true, .expires_at = 1};
	struct wire_granted untracked = {.tracked = false};
	struct wire_refused refused = {.reason = REASON_CAP, .text = "you already have 2 of 2"};
	struct wire_refused ended = {.reason = REASON_LOGOUT, .text = "you logged out"};
	struct wire_error error = {.code = WIRE_E_NO_SESSION, .text = "no such session"};
	struct wire_done done = {.count = 1};
	static const struct wire_outdated outdated;
	struct wire_welcome welcome = {.version = 1, .program = "sessd"};

	if (*argc != 3 || strcmp((*argv)[1], "--seeds") != 0)
		return 0;
	seed((*argv)[2], "granted", WIRE_granted, &granted);
	seed((*argv)[2], "untracked", WIRE_granted, &untracked);
	seed((*argv)[2], "refused", WIRE_refused, &refused);
	seed((*argv)[2], "refused-ended", WIRE_refused, &ended);
	seed((*argv)[2], "error", WIRE_error, &error);
	seed((*argv)[2], "done", WIRE_done, &done);
	seed((*argv)[2], "outdated", WIRE_outdated, &outdated);
	seed((*argv)[2], "welcome", WIRE_welcome, &welcome);
	exit(0);
}
