#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reauth/relay.h"

/* Lines of one message of a module; nobody reads more. */
#define LINES_MAX 32

_Static_assert(WIRE_REPLY_MAX == PAM_MAX_RESP_SIZE - 1, "a reply is as long as PAM's may be");

static int show(struct relay *relay, enum wire_style style, const char *line, size_t len)
{
	struct wire_prompt msg = {.style = style};

	text_escape(line, len, msg.text, sizeof(msg.text));
	return channel_send(relay->channel, WIRE_prompt, &msg);
}

/* All lines of `text` but the last one, which *ret_last is then; one without a newline has but
 * that.
 */
static int show_but_last(
	struct relay *relay, enum wire_style style, const char *text, const char **ret_last)
{
	const char *end;
	int i, r = 0;

	for (i = 0; i < LINES_MAX && r == 0; i++) {
		end = strchr(text, '\n');
		if (end == NULL)
			break;
		r = show(relay, style, text, (size_t)(end - text));
		text = end + 1;
	}
	*ret_last = text;
	return r;
}

static int tell(struct relay *relay, enum wire_style style, const char *text)
{
	const char *last;
	int r = show_but_last(relay, style, text, &last);

	if (r == 0 && last[0] != '\0')
		r = show(relay, style, last, strcspn(last, "\n"));
	return r;
}

/* *ret is the answer, malloc()ed. */
static int ask(struct relay *relay, enum wire_style style, const char *text, char **ret)
{
	struct channel *ch = relay->channel;
	const struct blob *secret = &ch->frame.u.reply.secret;
	const char *last;
	int r;

	r = show_but_last(relay, WIRE_STYLE_INFO, text, &last);
	if (r == 0)
		r = show(relay, style, last, strcspn(last, "\n"));
	if (r == 0)
		r = channel_recv(ch, WIRE_reply);
	if (r == 0 &&
		(secret->len > WIRE_REPLY_MAX || memchr(secret->data, '\0', secret->len) != NULL))
		r = -EPROTO;
	if (r == 0) {
		*ret = strndup(secret->data, secret->len);
		r = *ret == NULL ? -ENOMEM : 0;
	}
	channel_wipe(ch);
	return r;
}

static int converse_one(struct relay *relay, const struct pam_message *msg, char **ret)
{
	const char *text = msg->msg != NULL ? msg->msg : "";

	switch (msg->msg_style) {
	case PAM_PROMPT_ECHO_OFF:
		return ask(relay, WIRE_STYLE_SECRET, text, ret);
	case PAM_PROMPT_ECHO_ON:
		return ask(relay, WIRE_STYLE_PLAIN, text, ret);
	case PAM_ERROR_MSG:
		return tell(relay, WIRE_STYLE_ERROR, text);
	case PAM_TEXT_INFO:
		return tell(relay, WIRE_STYLE_INFO, text);
	default:
		/* binary prompts among them: what they mean only module and client know */
		return -ENOTSUP;
	}
}

static void forget(struct pam_response *responses, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		if (responses[i].resp != NULL)
			explicit_bzero(responses[i].resp, strlen(responses[i].resp));
		free(responses[i].resp);
	}
	free(responses);
}

int relay_converse(int n, const struct pam_message **msg, struct pam_response **ret, void *data)
{
	struct relay *relay = data;
	struct pam_response *responses;
	int i;

	if (relay->error != 0 || n <= 0 || n > PAM_MAX_NUM_MSG)
		return PAM_CONV_ERR;
	responses = calloc((size_t)n, sizeof(*responses));
	if (responses == NULL)
		return PAM_BUF_ERR;
	for (i = 0; i < n && relay->error == 0; i++)
		relay->error = converse_one(relay, msg[i], &responses[i].resp);
	if (relay->error != 0) {
		forget(responses, n);
		return PAM_CONV_ERR;
	}
	*ret = responses;
	return PAM_SUCCESS;
}
