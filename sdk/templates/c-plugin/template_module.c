/* Plugin for payloads of type "template-module": puts the payload file template-module.conf at
 * /etc, and can undo it. What is kept in memory is lost at a reboot: what has to be remembered is
 * on the disk (update.c). */
#include <errno.h>
#include <stdlib.h>

#include <patchbay/module.h>

#include "update.h"

struct pb_module {
  const pb_host_t* host;
};

static int32_t create(const pb_host_t* host, pb_module_t** module, pb_error_t* error) {
  *module = malloc(sizeof **module);
  if (*module == NULL) return pb_fail(error, PB_FAILED, "out of memory");
  (*module)->host = host;
  return PB_OK;
}

static void destroy(pb_module_t* module) {
  free(module);
}

static const char* tree_of(const pb_module_t* module) {
  return module->host->path(module->host, PB_PATH_TREE).data;
}

static int32_t outcome(int result, const problem_t* problem, pb_error_t* error) {
  if (result == 0) return PB_OK;
  error->os_error = problem->number;
  return pb_fail(error, problem->number == ENOSPC ? PB_NO_SPACE : PB_IO, problem->text);
}

static int32_t install(pb_module_t* module, pb_error_t* error) {
  problem_t problem;
  return outcome(update_install(tree_of(module), &problem), &problem, error);
}

static int32_t rollback(pb_module_t* module, pb_error_t* error) {
  problem_t problem;
  return outcome(update_roll_back(tree_of(module), &problem), &problem, error);
}

static int32_t cleanup(pb_module_t* module, pb_error_t* error) {
  problem_t problem;
  (void)module;
  return outcome(update_clean_up(&problem), &problem, error);
}

static int32_t supports_rollback(pb_module_t* module, int32_t* answer, pb_error_t* error) {
  (void)module;
  (void)error;
  *answer = PB_YES;
  return PB_OK;
}

const pb_plugin_t pb_plugin_v1 = {
    .size = sizeof(pb_plugin_t),
    .interface_major = PB_INTERFACE_MAJOR,
    .interface_minor = PB_INTERFACE_MINOR,
    .capabilities = PB_CAPABILITY_ROLLBACK,
    .payload_types = "template-module",
    .version = "0.1",
    .description = "Replaces /etc/template-module.conf",
    .writes =
        "/etc/template-module.conf\n/etc/template-module.conf.new\n"
        "/etc/template-module.conf.before",
    .create = create,
    .destroy = destroy,
    .supports_rollback = supports_rollback,
    .artifact_install = install,
    .artifact_rollback = rollback,
    .cleanup = cleanup,
};
