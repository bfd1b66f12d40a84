/* Plugin for payloads of type "motd": replaces the message of the day, and can undo it.
 *
 * It keeps what was there as a file in the work tree, and remembers in the host's key-value state
 * that it is complete: both survive a power cut, this process does not. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <patchbay/module.h>

static const char kTarget[] = "/etc/motd";
static const char kFresh[] = "/etc/motd.new";

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

static int32_t failed(pb_error_t* error, const char* what, const char* path) {
  error->os_error = errno;
  snprintf(error->message, sizeof error->message, "%s %s: %s", what, path, strerror(errno));
  return error->os_error == ENOSPC ? PB_NO_SPACE : PB_IO;
}

/* Copies content, mode and owner, and has it on the disk when it returns. */
static int32_t copy(const char* from, const char* to, const struct stat* like, pb_error_t* error) {
  char buffer[4096];
  ssize_t count = 0;
  int32_t code = PB_OK;
  int in = open(from, O_RDONLY | O_CLOEXEC);
  if (in < 0) return failed(error, "read", from);
  int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (out < 0) code = failed(error, "write", to);
  while (code == PB_OK && (count = read(in, buffer, sizeof buffer)) > 0)
    if (write(out, buffer, (size_t)count) != count) code = failed(error, "write", to);
  if (code == PB_OK && count < 0) code = failed(error, "read", from);
  if (code == PB_OK && (fchown(out, like->st_uid, like->st_gid) != 0 ||
                        fchmod(out, like->st_mode & 07777) != 0 || fsync(out) != 0))
    code = failed(error, "write", to);
  close(in);
  if (out >= 0) close(out);
  if (code != PB_OK) unlink(to);
  return code;
}

/* Puts a copy of `from` at the target in one step. */
static int32_t put(const char* from, const struct stat* like, pb_error_t* error) {
  int32_t code = copy(from, kFresh, like, error);
  if (code == PB_OK && rename(kFresh, kTarget) != 0) code = failed(error, "replace", kTarget);
  return code;
}

static void path_in(const pb_host_t* host, int32_t which, const char* name, char* path,
                    size_t size) {
  snprintf(path, size, "%s/%s", host->path(host, which).data, name);
}

static int32_t keep_old(const pb_host_t* host, pb_error_t* error) {
  char backup[4096];
  char known;
  uint64_t size;
  struct stat old;
  if (host->get_state(host, pb_string("before"), &known, 1, &size, error) == PB_OK) return PB_OK;
  if (stat(kTarget, &old) != 0) return host->set_state(host, pb_string("before"), "-", 1, error);
  path_in(host, PB_PATH_TMP, "before", backup, sizeof backup);
  int32_t code = copy(kTarget, backup, &old, error);
  if (code != PB_OK) return code;
  return host->set_state(host, pb_string("before"), "+", 1, error);
}

static int32_t install(pb_module_t* module, pb_error_t* error) {
  char payload[4096];
  struct stat like = {.st_mode = 0644};
  int32_t code = keep_old(module->host, error);
  if (code != PB_OK) return code;
  if (stat(kTarget, &like) != 0 && errno != ENOENT) return failed(error, "look at", kTarget);
  path_in(module->host, PB_PATH_FILES, "motd", payload, sizeof payload);
  return put(payload, &like, error);
}

static int32_t rollback(pb_module_t* module, pb_error_t* error) {
  const pb_host_t* host = module->host;
  char backup[4096];
  char before = 0;
  uint64_t size;
  struct stat old;
  unlink(kFresh);
  int32_t code = host->get_state(host, pb_string("before"), &before, 1, &size, error);
  if (code == PB_NOT_FOUND) return PB_OK; /* nothing was installed */
  if (code != PB_OK) return code;
  if (before == '-') {
    if (unlink(kTarget) == 0 || errno == ENOENT) return PB_OK;
    return failed(error, "remove", kTarget);
  }
  path_in(host, PB_PATH_TMP, "before", backup, sizeof backup);
  if (stat(backup, &old) != 0) return failed(error, "look at", backup);
  return put(backup, &old, error);
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
    .capabilities = PB_CAPABILITY_ROLLBACK | PB_CAPABILITY_ROLLBACK_SPACE,
    .payload_types = "motd",
    .version = "1.0",
    .description = "Replaces the message of the day",
    .writes = "/etc/motd\n/etc/motd.new",
    .create = create,
    .destroy = destroy,
    .supports_rollback = supports_rollback,
    .artifact_install = install,
    .artifact_rollback = rollback,
};
