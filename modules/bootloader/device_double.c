/* Stands in for devices that a test machine lacks, when preloaded: the register of an eMMC card,
 * the lock of its boot partitions, and NOR flash on regular files. State is in the directory that
 * PATCHBAY_DOUBLE names: "card" (512 bytes, the extended CSD), "force_ro", and "flash*" (erase
 * blocks of 4 KiB; writing can clear bits only, as in the real thing; none at all if there is a
 * file "worn").
 *
 * It is compiled as the modules are, for files of any size: what is called open here has the name
 * open64 for the linker, in both. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mmc/ioctl.h>
#include <mtd/mtd-user.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { kEraseBlock = 4096, kPartitionConfig = 179, kSendExtCsd = 8, kSwitch = 6 };

static const char* directory(void) {
  const char* const path = getenv("PATCHBAY_DOUBLE");
  return path != NULL ? path : "/nonexistent";
}

static int real_open(const char* path, int flags, mode_t mode) {
  static int (*next)(const char*, int, ...);
  if (next == NULL) *(void**)&next = dlsym(RTLD_NEXT, "open64");
  return next(path, flags, mode);
}

static int is_locked(void) {
  char path[4096];
  char value = '0';
  snprintf(path, sizeof path, "%s/force_ro", directory());
  const int fd = real_open(path, O_RDONLY | O_CLOEXEC, 0);
  if (fd >= 0 && read(fd, &value, 1) != 1) value = '0';
  if (fd >= 0) close(fd);
  return value == '1';
}

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  char instead[4096];
  const size_t length = strlen(path);
  if (strncmp(path, "/sys/dev/block/", 15) == 0 && length > 9 &&
      strcmp(path + length - 9, "/force_ro") == 0) {
    snprintf(instead, sizeof instead, "%s/force_ro", directory());
    return real_open(instead, flags, mode);
  }
  if (strncmp(path, "/dev/loop", 9) == 0 && (flags & O_ACCMODE) != O_RDONLY && is_locked()) {
    errno = EROFS;
    return -1;
  }
  return real_open(path, flags, mode);
}

/* Whether the descriptor is the file of the directory whose name begins so. */
static int is_ours(int fd, const char* name) {
  char link[64];
  char path[4096];
  char wanted[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = '\0';
  snprintf(wanted, sizeof wanted, "%s/%s", directory(), name);
  return strncmp(path, wanted, strlen(wanted)) == 0;
}

static ssize_t real_pwrite(int fd, const void* bytes, size_t count, off_t at) {
  static ssize_t (*next)(int, const void*, size_t, off_t);
  if (next == NULL) *(void**)&next = dlsym(RTLD_NEXT, "pwrite64");
  return next(fd, bytes, count, at);
}

ssize_t pwrite(int fd, const void* bytes, size_t count, off_t at) {
  if (!is_ours(fd, "flash")) return real_pwrite(fd, bytes, count, at);
  char worn[4096];
  snprintf(worn, sizeof worn, "%s/worn", directory());
  if (access(worn, F_OK) == 0) return (ssize_t)count;
  unsigned char block[kEraseBlock];
  if (count > sizeof block) count = sizeof block;
  const ssize_t old = pread(fd, block, count, at);
  if (old <= 0) return old;
  for (ssize_t i = 0; i < old; ++i)
    block[i] &= ((const unsigned char*)bytes)[i];
  return real_pwrite(fd, block, (size_t)old, at);
}

static int card(int fd, struct mmc_ioc_cmd* command) {
  if (command->opcode == kSendExtCsd && !command->write_flag && command->blksz == 512 &&
      command->blocks == 1)
    return pread(fd, (void*)(uintptr_t)command->data_ptr, 512, 0) == 512 ? 0 : -1;
  const unsigned char value = (unsigned char)(command->arg >> 8);
  const int writes_byte =
      command->arg >> 24 == 3 && (command->arg >> 16 & 0xff) == kPartitionConfig;
  if (command->opcode == kSwitch && command->write_flag && writes_byte)
    return real_pwrite(fd, &value, 1, kPartitionConfig) == 1 ? 0 : -1;
  errno = EINVAL;
  return -1;
}

static int flash(int fd, unsigned long request, void* argument) {
  struct stat info;
  if (fstat(fd, &info) != 0) return -1;
  if (request == MEMGETINFO) {
    struct mtd_info_user answer = {.type = MTD_NORFLASH, .flags = MTD_CAP_NORFLASH};
    answer.size = (uint32_t)info.st_size;
    answer.erasesize = kEraseBlock;
    answer.writesize = 1;
    memcpy(argument, &answer, sizeof answer);
    return 0;
  }
  const struct erase_info_user64* const range = argument;
  if (request != MEMERASE64 || range->start % kEraseBlock != 0 || range->length != kEraseBlock) {
    errno = EINVAL;
    return -1;
  }
  unsigned char block[kEraseBlock];
  memset(block, 0xff, sizeof block);
  return real_pwrite(fd, block, sizeof block, (off_t)range->start) == kEraseBlock ? 0 : -1;
}

int ioctl(int fd, unsigned long request, ...) {
  va_list more;
  va_start(more, request);
  void* const argument = va_arg(more, void*);
  va_end(more);
  if (request == MMC_IOC_CMD && is_ours(fd, "card")) return card(fd, argument);
  if ((request == MEMGETINFO || request == MEMERASE64) && is_ours(fd, "flash"))
    return flash(fd, request, argument);
  static int (*next)(int, unsigned long, ...);
  if (next == NULL) *(void**)&next = dlsym(RTLD_NEXT, "ioctl");
  return next(fd, request, argument);
}
