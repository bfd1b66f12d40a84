/* A plugin of version 1.0, built against the header of that version (beside it): uses all that a
 * host of it offers, and has all that a plugin of it can have. Never edited: every later host has
 * to run it. It leaves a line in $OUT/calls for each call. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "patchbay/module.h"

struct pb_module {
  const pb_host_t* host;
};

static int32_t leave(const char* line) {
  char path[4096];
  snprintf(path, sizeof path, "%s/calls", getenv("OUT"));
  FILE* file = fopen(path, "a");
  if (file == NULL) return PB_IO;
  fprintf(file, "%s\n", line);
  return fclose(file) == 0 ? PB_OK : PB_IO;
}

static int32_t create(const pb_host_t* host, pb_module_t** module, pb_error_t* error) {
  if (host->size < sizeof *host) return pb_fail(error, PB_FAILED, "the host is too short");
  if (host->interface_major != 1) return pb_fail(error, PB_FAILED, "not a host of version 1");
  if (!pb_text_is(host->payload_type(host), "probe"))
    return pb_fail(error, PB_FAILED, "what type is this?");
  if (host->path(host, PB_PATH_TREE).size == 0 || host->path(host, 4711).size != 0)
    return pb_fail(error, PB_FAILED, "paths are wrong");
  if (host->extension(host, pb_string("org.example.unknown"), 1) != NULL)
    return pb_fail(error, PB_FAILED, "an extension that nobody has");
  *module = malloc(sizeof **module);
  (*module)->host = host;
  return PB_OK;
}

static void destroy(pb_module_t* module) {
  free(module);
}

static int32_t yes(pb_module_t* module, int32_t* answer, pb_error_t* error) {
  (void)module;
  (void)error;
  *answer = PB_YES;
  return PB_OK;
}

static int32_t automatic(pb_module_t* module, int32_t* answer, pb_error_t* error) {
  (void)module;
  (void)error;
  *answer = PB_AUTOMATIC;
  return PB_OK;
}

/* The first file by read, the second by its pipe. */
static int32_t download(pb_module_t* module, pb_error_t* error) {
  const pb_host_t* host = module->host;
  pb_file_t file = {.size = sizeof file, .version = 1};
  char buffer[64];
  char line[256];
  uint64_t count = 0;
  int32_t stream = -1;
  int32_t code = host->next_file(host, &file, error);
  if (code != PB_OK) return code;
  code = host->read(host, buffer, sizeof buffer, &count, error);
  if (code != PB_OK) return code;
  snprintf(line, sizeof line, "%.*s %llu %.*s", (int)file.name_length, file.name,
           (unsigned long long)file.bytes, (int)count, buffer);
  if ((code = leave(line)) != PB_OK) return code;
  if ((code = host->next_file(host, &file, error)) != PB_OK) return code;
  if ((code = host->take_stream(host, &stream, error)) != PB_OK) return code;
  ssize_t got = read(stream, buffer, sizeof buffer);
  char rest;
  while (read(stream, &rest, 1) > 0) {
  }
  close(stream);
  snprintf(line, sizeof line, "%s %.*s", file.name, (int)got, buffer);
  if ((code = leave(line)) != PB_OK) return code;
  code = host->next_file(host, &file, error);
  return code == PB_END ? PB_OK : code;
}

static int32_t install(pb_module_t* module, pb_error_t* error) {
  const pb_host_t* host = module->host;
  host->log(host, PB_LOG_INFO, pb_string("installing"));
  host->progress(host, 50);
  host->status(host, pb_string("half way"));
  if (host->is_cancelled(host)) return pb_fail(error, PB_CANCELLED, "cancelled");
  int32_t code = host->set_state(host, pb_string("slot"), "b", 1, error);
  return code == PB_OK ? leave("ArtifactInstall") : code;
}

static int32_t rollback(pb_module_t* module, pb_error_t* error) {
  const pb_host_t* host = module->host;
  char slot = 0;
  uint64_t size = 0;
  int32_t code = host->get_state(host, pb_string("slot"), &slot, 1, &size, error);
  if (code != PB_OK) return code;
  if (size != 1 || slot != 'b') return pb_fail(error, PB_FAILED, "the state is not mine");
  if ((code = host->remove_state(host, pb_string("slot"), error)) != PB_OK) return code;
  code = host->get_state(host, pb_string("slot"), &slot, 1, &size, error);
  return code == PB_NOT_FOUND ? leave("ArtifactRollback") : PB_FAILED;
}

#define STATE(function, name)                                       \
  static int32_t function(pb_module_t* module, pb_error_t* error) { \
    (void)module;                                                   \
    (void)error;                                                    \
    return leave(name);                                             \
  }
STATE(reboot, "ArtifactReboot")
STATE(verify_reboot, "ArtifactVerifyReboot")
STATE(commit, "ArtifactCommit")
STATE(rollback_reboot, "ArtifactRollbackReboot")
STATE(verify_rollback_reboot, "ArtifactVerifyRollbackReboot")
STATE(cleanup, "Cleanup")

static int32_t failure(pb_module_t* module, pb_error_t* error) {
  (void)module;
  error->os_error = 28;
  return pb_fail(error, PB_NO_SPACE, "failing as it should");
}

static int32_t plan(pb_module_t* module, void (*line)(void* data, pb_text_t text), void* data,
                    pb_error_t* error) {
  (void)module;
  (void)error;
  line(data, pb_string("what 1.0 would do"));
  return PB_OK;
}

static const pb_plan_v1_t kPlan = {sizeof kPlan, 1, plan};

static const void* extension(pb_module_t* module, pb_text_t id, uint32_t version) {
  (void)module;
  return pb_text_is(id, PB_EXTENSION_PLAN) && version == 1 ? &kPlan : NULL;
}

const pb_plugin_t pb_plugin_v1 = {
    .size = sizeof(pb_plugin_t),
    .interface_major = PB_INTERFACE_MAJOR,
    .interface_minor = PB_INTERFACE_MINOR,
    .capabilities = PB_CAPABILITY_ROLLBACK | PB_CAPABILITY_STREAMS | PB_CAPABILITY_REBOOT_ALWAYS |
                    PB_CAPABILITY_CANCEL,
    .payload_types = "probe",
    .version = "released-1.0",
    .description = "Of version 1.0",
    .writes = "/etc/probe",
    .create = create,
    .destroy = destroy,
    .provide_payload_file_sizes = yes,
    .needs_artifact_reboot = automatic,
    .supports_rollback = yes,
    .download = download,
    .artifact_install = install,
    .artifact_reboot = reboot,
    .artifact_verify_reboot = verify_reboot,
    .artifact_commit = commit,
    .artifact_rollback = rollback,
    .artifact_rollback_reboot = rollback_reboot,
    .artifact_verify_rollback_reboot = verify_rollback_reboot,
    .artifact_failure = failure,
    .cleanup = cleanup,
    .extension = extension,
};
