/* The old file stays as a second link, <target>.before, until Cleanup: then the way back is one
 * rename, and everything about the file is as it was. */
#include "update.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char kDirectory[] = "/etc";
static const char kTarget[] = "/etc/template-module.conf";
static const char kBefore[] = "/etc/template-module.conf.before";
static const char kFresh[] = "/etc/template-module.conf.new";

static int failed(problem_t* problem, const char* what, const char* path) {
  problem->number = errno;
  snprintf(problem->text, sizeof problem->text, "%s %s: %s", what, path, strerror(errno));
  return -1;
}

static int sync_directory(const char* path, problem_t* problem) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 || fsync(fd) != 0) {
    failed(problem, "sync", path);
    if (fd >= 0) close(fd);
    return -1;
  }
  close(fd);
  return 0;
}

/* Not an error when it is not there. */
static int remove_file(const char* path, problem_t* problem) {
  if (unlink(path) == 0 || errno == ENOENT) return 0;
  return failed(problem, "remove", path);
}

static int copy_bytes(int in, int out) {
  char buffer[16384];
  ssize_t count = 0;
  while ((count = read(in, buffer, sizeof buffer)) > 0) {
    for (ssize_t at = 0, more = 0; at < count; at += more) {
      more = write(out, buffer + at, (size_t)(count - at));
      if (more < 0) return -1;
    }
  }
  return count < 0 ? -1 : 0;
}

/* Wholly on the disk when it returns; mode and owner are those of `like`. */
static int copy_file(const char* from, const char* to, const struct stat* like,
                     problem_t* problem) {
  int in = open(from, O_RDONLY | O_CLOEXEC);
  if (in < 0) return failed(problem, "read", from);
  int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  int result = 0;
  if (out < 0 || copy_bytes(in, out) != 0 || fchown(out, like->st_uid, like->st_gid) != 0 ||
      fchmod(out, like->st_mode & 07777) != 0 || fsync(out) != 0)
    result = failed(problem, "write", to);
  close(in);
  if (out >= 0) close(out);
  if (result != 0) unlink(to);
  return result;
}

static void marker_of(const char* tree, char* path, size_t size) {
  snprintf(path, size, "%s/tmp/absent", tree);
}

/* What was there is safe from here on, or the work tree says that nothing was. */
static int keep_old(const char* tree, int is_there, problem_t* problem) {
  char absent[4096];
  char tmp[4096];
  if (is_there) {
    if (link(kTarget, kBefore) != 0 && errno != EEXIST) return failed(problem, "keep", kTarget);
    return sync_directory(kDirectory, problem);
  }
  marker_of(tree, absent, sizeof absent);
  int fd = open(absent, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return failed(problem, "write", absent);
  close(fd);
  snprintf(tmp, sizeof tmp, "%s/tmp", tree);
  return sync_directory(tmp, problem);
}

int update_install(const char* tree, problem_t* problem) {
  char payload[4096];
  struct stat like = {0};
  int is_there = stat(kTarget, &like) == 0;
  if (!is_there && errno != ENOENT) return failed(problem, "look at", kTarget);
  if (!is_there) like.st_mode = 0644;
  snprintf(payload, sizeof payload, "%s/files/template-module.conf", tree);
  if (copy_file(payload, kFresh, &like, problem) != 0) return -1;
  if (keep_old(tree, is_there, problem) != 0) return -1;
  if (rename(kFresh, kTarget) != 0) return failed(problem, "replace", kTarget);
  return sync_directory(kDirectory, problem);
}

/* May come without an install before it, after a power cut in the middle of one, and twice. */
int update_roll_back(const char* tree, problem_t* problem) {
  char absent[4096];
  marker_of(tree, absent, sizeof absent);
  if (remove_file(kFresh, problem) != 0) return -1;
  if (access(absent, F_OK) == 0 && remove_file(kTarget, problem) != 0) return -1;
  if (rename(kBefore, kTarget) != 0 && errno != ENOENT) return failed(problem, "put back", kTarget);
  return sync_directory(kDirectory, problem);
}

int update_clean_up(problem_t* problem) {
  if (remove_file(kFresh, problem) != 0) return -1;
  return remove_file(kBefore, problem);
}
