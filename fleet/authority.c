#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fleet/authority.h"

int authority_reload(struct authority *a, char error[SIGNER_ERROR])
{
	struct signer own = {.may = RIGHT_EVICT};
	const struct signer *known;
	struct signers signers;
	char line[SIGNER_LINE];
	int r = signers_load(a->signers_path, &signers, error);

	if (r < 0)
		return r;
	known = signers_of_key(&signers, a->secret.public, a->host);
	if (known == NULL) {
		snprintf(own.name, sizeof(own.name), "%.64s", a->host);
		memcpy(own.key, a->secret.public, sizeof(own.key));
		signer_line(&own, line);
		snprintf(error, SIGNER_ERROR,
			"%s: it lacks this host's own key; add, on all hosts: %s", a->signers_path,
			line);
		signers_fini(&signers);
		return -ENOKEY;
	}
	signers_fini(&a->signers);
	a->signers = signers;
	a->may = known->may;
	memcpy(a->name, known->name, sizeof(a->name));
	return 0;
}

int authority_load(struct authority *a, const char *secret_path, const char *signers_path,
	const char *host, char error[SIGNER_ERROR])
{
	int r;

	*a = (struct authority){
		.secret_path = secret_path, .signers_path = signers_path, .host = host};
	r = secret_load(secret_path, &a->secret, error);
	if (r == 0)
		r = authority_reload(a, error);
	if (r < 0)
		authority_fini(a);
	return r;
}

void authority_fini(struct authority *a)
{
	signers_fini(&a->signers);
	secret_fini(&a->secret);
}

void authority_by(const char *name, const char *who, char ret[TEXT_STR_MAX + 1])
{
	snprintf(ret, TEXT_STR_MAX + 1, "%.100s%s%.128s", who, who[0] != '\0' ? " on " : "", name);
}
