#include <errno.h>
#include <libgen.h>
#include <string.h>
#include <unistd.h>

#include "common/service.h"
#include "common/wire.h"
#include "sessctl/command.h"
#include "sessctl/diagnosis.h"
#include "sessctl/help.h"
#include "sessctl/kernel.h"
#include "sessctl/services.h"
#include "sessctl/sshd_config.h"
#include "sessctl/vitals.h"

enum { DOCTOR_ROOT, DOCTOR_JSON };

static const struct option_row options[] = {
	[DOCTOR_ROOT] = {"root", 0, "DIR",
		"look at the files of a tree; the kernel and sessd are left out"},
	[DOCTOR_JSON] = {"json", 'j', NULL, "one JSON object a line for each finding"},
};

struct doctor {
	struct context *ctx;
	struct tree tree;
	struct modules modules;
	char dir[sizeof(((struct context *)NULL)->socket)];
	struct findings findings;
	bool has_reauth;   /* the service sessd-reauth is there */
	bool wants_reauth; /* a stack asks for what it is for */
};

static int diagnose(struct doctor *doctor, const char *service, const struct stacks *stacks)
{
	const struct diagnosis d = {
		.service = service,
		.class = service_builtin(service),
		.must_have = services_must_have(service),
		.has_reauth = doctor->has_reauth,
		.wants_reauth = &doctor->wants_reauth,
		.stacks = stacks,
		.dir = doctor->dir,
		.findings = &doctor->findings,
	};

	return diagnosis_make(&d);
}

static int look_at(struct doctor *doctor, const char *service)
{
	struct findings *findings = &doctor->findings;
	struct stacks stacks;
	int r;

	findings->service = service;
	r = stacks_read(&stacks, &doctor->modules, service, findings);
	if (r == 0 && stacks.file == NULL)
		findings_add(findings, FINDING_NO_FILE, (struct where){service, 0}, "");
	if (r == 0)
		r = diagnose(doctor, service, &stacks);
	stacks_fini(&stacks);
	findings->service = NULL;
	return r;
}

static int look_at_all(struct doctor *doctor)
{
	struct services services;
	size_t i;
	int r = services_find(&services, &doctor->modules);

	if (r == 0 && services.files == 0)
		findings_add(&doctor->findings, FINDING_NO_SERVICES,
			(struct where){"/etc/pam.d", 0}, "");
	for (i = 0; i < services.n && r == 0; i++)
		r = look_at(doctor, services.name[i]);
	services_fini(&services);
	return r != 0 ? r : sshd_config_check(&doctor->tree, &doctor->findings);
}

static int look_at_named(struct doctor *doctor, const struct args *args)
{
	int i, r = 0;

	for (i = 0; i < args->n_operands && r == 0; i++) {
		r = look_at(doctor, args->operand[i]);
		if (r == 0 && strcmp(args->operand[i], "sshd") == 0)
			r = sshd_config_check(&doctor->tree, &doctor->findings);
	}
	return r;
}

/* The service is for nothing while nobody listens. */
static void check_socket(struct doctor *doctor)
{
	const char *path = doctor->ctx->reauth_socket;

	if (doctor->has_reauth && doctor->wants_reauth && access(path, F_OK) < 0 && errno == ENOENT)
		findings_add(&doctor->findings, FINDING_REAUTH_SOCKET, (struct where){path, 0}, "");
}

static int examine(struct doctor *doctor, const struct args *args)
{
	int r;

	modules_init(&doctor->modules, &doctor->tree);
	if (doctor->modules.folder[0] == '\0')
		findings_add(&doctor->findings, FINDING_MODULES_UNKNOWN,
			(struct where){"pam_unix.so", 0}, "");
	doctor->has_reauth = tree_has(&doctor->tree, "/etc/pam.d/" SERVICES_REAUTH) ||
			     tree_has(&doctor->tree, "/usr/lib/pam.d/" SERVICES_REAUTH);
	r = args->n_operands > 0 ? look_at_named(doctor, args) : look_at_all(doctor);
	if (r < 0 || args->value[DOCTOR_ROOT] != NULL)
		return r;
	kernel_check(&doctor->findings);
	check_socket(doctor);
	return vitals_check(doctor->ctx, &doctor->findings);
}

static int tell(struct doctor *doctor, bool json)
{
	if (json)
		findings_json(&doctor->findings, doctor->ctx->out);
	else
		findings_print(&doctor->findings, doctor->ctx->out, doctor->ctx->bold);
	return doctor->findings.count[SEVERITY_ERROR] > 0 ? EXIT_NO : EXIT_DONE;
}

static int check_names(struct context *ctx, const struct args *args)
{
	int i;

	for (i = 0; i < args->n_operands; i++)
		if (args->operand[i][0] == '\0' || strchr(args->operand[i], '/') != NULL ||
			strlen(args->operand[i]) > TEXT_STR_MAX)
			return help_usage_error(ctx, &cmd_doctor,
				"%s is no service's name: it is that of a file in /etc/pam.d",
				args->operand[i]);
	return EXIT_DONE;
}

static int exec(struct context *ctx, const struct args *args)
{
	const char *root = args->value[DOCTOR_ROOT];
	struct doctor doctor = {.ctx = ctx};
	int r = check_names(ctx, args);

	if (r != EXIT_DONE)
		return r;
	memcpy(doctor.dir, ctx->socket, sizeof(doctor.dir));
	dirname(doctor.dir);
	r = tree_open(&doctor.tree, root);
	if (r < 0) {
		context_error(ctx, "--root %s: %s", root != NULL ? root : "/", strerror(-r));
		return EXIT_USAGE;
	}
	r = examine(&doctor, args);
	if (r == 0)
		r = doctor.findings.error;
	if (r == 0)
		r = tell(&doctor, args->value[DOCTOR_JSON] != NULL);
	else
		context_error(ctx, "%s", strerror(-r));
	findings_fini(&doctor.findings);
	tree_close(&doctor.tree);
	return r < 0 ? EXIT_NO : r;
}

const struct command cmd_doctor = {
	.name = "doctor",
	.summary = "Find what is wrong with this machine's PAM stacks, kernel and sessd",
	OPTIONS(options),
	.operands = "[SERVICE...]",
	.max_operands = OPERANDS_ANY,
	.text = "Looks at the PAM services that log people in and at those that have pam_sess.so, "
		"or\n"
		"at those that are named. Exits 0 where there is no error, 1 where there is one.\n",
	.exec = exec,
};
