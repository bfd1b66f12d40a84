/* Plugins for the kit: PLANTED says which mistake each has. They put one file into /etc. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "patchbay/module.h"

enum {
  NONE,
  STATE_IN_MEMORY,
  CRASHES_IN_COMMIT,
  EXITS_IN_INSTALL,
  ROLLBACK_DOES_NOTHING,
  IGNORES_CANCEL,
  HIDES_ROLLBACK,
  LEAVES_THREAD,
  STATE_IN_DESTROY,
  REBOOTS_NOTHING,
  SKIPS_ALWAYS
};

/* Read by planted_test.py. */
__attribute__((used)) static const char kExpectation[] = "finds: " PLANTED_RULE;

struct pb_module {
  const pb_host_t* host;
  int begun;
};

static const char kTarget[] = "/etc/patchbay-planted";

static int32_t create(const pb_host_t* host, pb_module_t** module, pb_error_t* error) {
  *module = calloc(1, sizeof **module);
  if (*module == NULL) return pb_fail(error, PB_FAILED, "out of memory");
  (*module)->host = host;
  return PB_OK;
}

static void path_of_mark(const pb_module_t* module, char* path, size_t size) {
  snprintf(path, size, "%s/begun", module->host->path(module->host, PB_PATH_TMP).data);
}

/* Keeps what nobody has kept, while there is still time. */
static void destroy(pb_module_t* module) {
  char mark[4096];
  path_of_mark(module, mark, sizeof mark);
  if (PLANTED == STATE_IN_DESTROY && module->begun) close(creat(mark, 0600));
  free(module);
}

static void* wait_for_ever(void* nothing) {
  for (;;)
    pause();
  return nothing;
}

static int32_t yes(pb_module_t* module, int32_t* answer, pb_error_t* error) {
  (void)module;
  (void)error;
  *answer = PB_YES;
  return PB_OK;
}

static int32_t put(const void* bytes, size_t size, pb_error_t* error) {
  char fresh[64];
  snprintf(fresh, sizeof fresh, "%s.new", kTarget);
  FILE* file = fopen(fresh, "w");
  if (file == NULL) return pb_fail(error, PB_IO, "cannot write /etc/patchbay-planted.new");
  int failed = size != 0 && fwrite(bytes, size, 1, file) != 1;
  failed |= fflush(file) != 0 || fsync(fileno(file)) != 0;
  failed |= fclose(file) != 0;
  if (failed || rename(fresh, kTarget) != 0) {
    unlink(fresh);
    return pb_fail(error, PB_IO, "cannot write /etc/patchbay-planted");
  }
  return PB_OK;
}

static int32_t skip(const pb_host_t* host, pb_error_t* error) {
  const pb_skip_v1_t* extension = host->extension(host, pb_string(PB_EXTENSION_SKIP), 1);
  if (extension == NULL) return pb_fail(error, PB_FAILED, "nothing can be left out here");
  return extension->skip(host, error);
}

/* Reads the payload to its end, and does nothing with it. */
static int32_t download(pb_module_t* module, pb_error_t* error) {
  const pb_host_t* host = module->host;
  pb_file_t file = {.size = sizeof file};
  char buffer[4096];
  uint64_t count = 0;
  int32_t code = PB_OK;
  if (PLANTED == SKIPS_ALWAYS) return skip(host, error);
  if (PLANTED != IGNORES_CANCEL) return PB_OK;
  while ((code = host->next_file(host, &file, error)) == PB_OK) {
    do
      code = host->read(host, buffer, sizeof buffer, &count, error);
    while (code == PB_OK && count > 0);
    if (code != PB_OK) break;
  }
  while (code != PB_END)
    pause(); /* for better times, and not for is_cancelled */
  return PB_OK;
}

static int32_t install(pb_module_t* module, pb_error_t* error) {
  if (PLANTED == EXITS_IN_INSTALL) exit(0);
  pthread_t thread;
  if (PLANTED == LEAVES_THREAD) pthread_create(&thread, NULL, wait_for_ever, NULL);
  if (PLANTED == STATE_IN_MEMORY || PLANTED == STATE_IN_DESTROY) {
    module->begun = 1;
  } else {
    int32_t code = module->host->set_state(module->host, pb_string("begun"), "1", 1, error);
    if (code != PB_OK) return code;
  }
  return put("new\n", 4, error);
}

static int32_t commit(pb_module_t* module, pb_error_t* error) {
  (void)module;
  (void)error;
  if (PLANTED == CRASHES_IN_COMMIT) abort();
  return PB_OK;
}

static int32_t rollback(pb_module_t* module, pb_error_t* error) {
  char begun[4];
  uint64_t size = 0;
  if (PLANTED == ROLLBACK_DOES_NOTHING) return PB_OK;
  if (PLANTED == STATE_IN_MEMORY) {
    if (module->begun) unlink(kTarget);
    return PB_OK;
  }
  char mark[4096];
  path_of_mark(module, mark, sizeof mark);
  if (PLANTED == STATE_IN_DESTROY) {
    if (module->begun || access(mark, F_OK) == 0) unlink(kTarget);
    return PB_OK;
  }
  int32_t code =
      module->host->get_state(module->host, pb_string("begun"), begun, sizeof begun, &size, error);
  if (code == PB_NOT_FOUND) return PB_OK;
  if (code != PB_OK) return code;
  char fresh[64];
  snprintf(fresh, sizeof fresh, "%s.new", kTarget);
  unlink(fresh);
  unlink(kTarget);
  return PB_OK;
}

const pb_plugin_t pb_plugin_v1 = {
    .size = sizeof(pb_plugin_t),
    .interface_major = PB_INTERFACE_MAJOR,
    .interface_minor = PB_INTERFACE_MINOR,
    .capabilities = PB_CAPABILITY_ROLLBACK |
                    (PLANTED == IGNORES_CANCEL ? PB_CAPABILITY_CANCEL : 0) |
                    (PLANTED == REBOOTS_NOTHING ? PB_CAPABILITY_REBOOT_ALWAYS : 0),
    .description = "Has a mistake",
    .writes = "/etc/patchbay-planted\n/etc/patchbay-planted.new",
    .create = create,
    .destroy = destroy,
    .supports_rollback = PLANTED == HIDES_ROLLBACK ? NULL : yes,
    .needs_artifact_reboot = PLANTED == REBOOTS_NOTHING ? yes : NULL,
    .download = download,
    .artifact_install = install,
    .artifact_commit = commit,
    .artifact_rollback = rollback,
};
