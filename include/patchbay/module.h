#ifndef PATCHBAY_MODULE_H
#define PATCHBAY_MODULE_H

/* The C interface of update-module plugins, version 1. docs/plugin-interface.md is its manual.
 *
 * A plugin is a shared object `<payload type>.so` in a module directory. It exports one symbol,
 * `pb_plugin_v1`, a constant of type pb_plugin_t. Patchbay never loads it into itself: for each
 * payload it starts a process, the module host, which loads the plugin and calls it. All that is
 * true of an update module (docs/module-protocol.md) is true of a plugin: what each state has to
 * do, the work tree, when power may fail.
 *
 * What never changes within version 1:
 * - A struct begins with its size and version and grows at its end only. `size` is the sizeof of
 *   whoever filled it in; nobody reads past the smaller of the two sizes.
 * - No value gets another meaning, and no function another signature.
 * - Optional features are extensions, found by name and version, absent as NULL.
 * A plugin built against this header loads into every later host of version 1, and into an earlier
 * one down to its `needs_minor`.
 *
 * Marks: [main] on the host's main thread, one call at a time; [any] on any thread. The second word
 * is the phase: [created] between create and destroy, [state] while a state function runs,
 * [download] while `download` runs.
 *
 * Texts are UTF-8, pointer and length, borrowed until the call returns. The header needs C11 or
 * C++11 and nothing but the standard library. */

#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PB_INTERFACE_MAJOR 1
#define PB_INTERFACE_MINOR 0

/* On the definition of pb_plugin_v1. Build everything else with -fvisibility=hidden. */
#define PB_EXPORT __attribute__((visibility("default")))

/* ---- results ---- */

/* What functions return. A plugin may return any of them but PB_END; values above 99 are the
 * plugin's own and count as PB_FAILED. */
#define PB_OK 0
#define PB_FAILED 1      /* anything without a word of its own */
#define PB_INVALID 2     /* payload, meta-data or argument is wrong; repeating will not help */
#define PB_NOT_FOUND 3   /* what has to be there is not */
#define PB_NO_SPACE 4    /* file system or device too small */
#define PB_IO 5          /* kernel or device failed; repeating may help */
#define PB_CANCELLED 6   /* stopped because is_cancelled said so */
#define PB_UNSUPPORTED 7 /* well-formed, but nothing here can do it */
#define PB_END 8         /* next_file: there are no more files */

/* Why something failed, for the log and the server. The caller owns it, has set `size` and
 * `version` and left the message empty; whoever fails fills in the rest. A message names the thing,
 * the value and the remedy. */
typedef struct pb_error {
  uint32_t size;
  uint32_t version;   /* 1 */
  int32_t os_error;   /* errno, or 0 */
  char message[1012]; /* UTF-8, NUL-terminated */
} pb_error_t;

typedef struct pb_text {
  const char* data;
  uint64_t size; /* bytes */
} pb_text_t;

/* Answers of needs_artifact_reboot; the two others know the first two. */
#define PB_NO 0
#define PB_YES 1       /* the plugin reboots what has to be rebooted, in artifact_reboot */
#define PB_AUTOMATIC 2 /* the client reboots the machine, once for all payloads */

/* ---- what the host offers ---- */

#define PB_LOG_DEBUG 0
#define PB_LOG_INFO 1
#define PB_LOG_WARNING 2
#define PB_LOG_ERROR 3

#define PB_PATH_TREE 0  /* the work tree */
#define PB_PATH_TMP 1   /* its scratch directory: survives reboots, gone after Cleanup */
#define PB_PATH_FILES 2 /* payload files that the client has stored; may be missing */

/* A payload file about to be streamed. */
typedef struct pb_file {
  uint32_t size;        /* of this struct, set by the caller */
  uint32_t version;     /* 1 */
  uint64_t bytes;       /* length of the file */
  const char* name;     /* NUL-terminated; valid until the next next_file */
  uint64_t name_length; /* bytes */
} pb_file_t;

typedef struct pb_host pb_host_t;
typedef struct pb_host_data pb_host_data_t; /* the host's; opaque */

/* Filled in by the host; valid from create to destroy. */
struct pb_host {
  uint32_t size;
  uint16_t interface_major;
  uint16_t interface_minor;
  pb_host_data_t* data;

  /* The payload's type. NUL-terminated, valid until destroy. [any, created] */
  pb_text_t (*payload_type)(const pb_host_t* host);
  /* PB_PATH_*: an absolute path, NUL-terminated, valid until destroy; empty for a number the host
   * does not know. [any, created] */
  pb_text_t (*path)(const pb_host_t* host, int32_t which);

  /* A line for the log. [any, created] */
  void (*log)(const pb_host_t* host, int32_t level, pb_text_t line);
  /* How far this state is, 0 to 100. Only changes are sent: call it as often as you like.
   * [any, state] */
  void (*progress)(const pb_host_t* host, uint32_t percent);
  /* What this state is doing now, for people who watch. [any, state] */
  void (*status)(const pb_host_t* host, pb_text_t text);
  /* 1 once the state should end: give up at a safe place and return PB_CANCELLED. Asked by a plugin
   * with PB_CAPABILITY_CANCEL; others are ended by SIGTERM. [any, state] */
  int32_t (*is_cancelled)(const pb_host_t* host);

  /* The next payload file in artifact order, or PB_END. What is left of the file before it is
   * skipped. A plugin that never asks gets the files stored in PB_PATH_FILES; one that has asked
   * goes on until PB_END. Nothing is verified before PB_END. Blocks. [main, download] */
  int32_t (*next_file)(const pb_host_t* host, pb_file_t* file, pb_error_t* error);
  /* The next bytes of the file; `*count` is 0 at its end. Blocks. [main, download] */
  int32_t (*read)(const pb_host_t* host, void* buffer, uint64_t capacity, uint64_t* count,
                  pb_error_t* error);
  /* The pipe the file comes through, for splice(2) and the like. The plugin owns it, reads it to
   * its end and closes it before it asks for the next file. [main, download] */
  int32_t (*take_stream)(const pb_host_t* host, int32_t* descriptor, pb_error_t* error);

  /* Values that survive power cuts and reboots until Cleanup is over. A key is 1 to 64 of
   * A-Z a-z 0-9 . _ - and does not begin with a dot; a value has at most 1 MiB.
   * get_state: `*size` is the value's whole length; as much as `capacity` holds is copied.
   * PB_NOT_FOUND when there is none. set_state: on the disk when it returns. remove_state: success
   * also when there is none. [main, created] */
  int32_t (*get_state)(const pb_host_t* host, pb_text_t key, void* buffer, uint64_t capacity,
                       uint64_t* size, pb_error_t* error);
  int32_t (*set_state)(const pb_host_t* host, pb_text_t key, const void* value, uint64_t size,
                       pb_error_t* error);
  int32_t (*remove_state)(const pb_host_t* host, pb_text_t key, pb_error_t* error);

  /* An optional feature of the host (PB_EXTENSION_SKIP): a struct that begins with its size and
   * version, valid until destroy; NULL when the host does not have it. [any, created] */
  const void* (*extension)(const pb_host_t* host, pb_text_t id, uint32_t version);
};

/* ---- extensions of the host ---- */

/* For a payload that the device has already. */
#define PB_EXTENSION_SKIP "patchbay.skip"
typedef struct pb_skip_v1 {
  uint32_t size;
  uint32_t version; /* 1 */
  /* The rest of the payload need not come, and nobody verifies it: the plugin knows, by sums of the
   * header, that the device has it, whole. Closes the stream, but one that was taken: the plugin
   * closes that itself, after this call. next_file says PB_END from now on,
   * and download is to return PB_OK. [main, download] */
  int32_t (*skip)(const pb_host_t* host, pb_error_t* error);
} pb_skip_v1_t;

/* ---- what the plugin is ---- */

/* Bits of pb_plugin_t.capabilities; unknown ones are ignored. */
#define PB_CAPABILITY_ROLLBACK UINT64_C(1)        /* can roll back, as a rule */
#define PB_CAPABILITY_STREAMS UINT64_C(2)         /* takes the payload as a stream */
#define PB_CAPABILITY_REBOOT_MAYBE UINT64_C(4)    /* an update may need a reboot */
#define PB_CAPABILITY_REBOOT_ALWAYS UINT64_C(8)   /* every update needs a reboot */
#define PB_CAPABILITY_NETWORK UINT64_C(16)        /* uses the network in its states */
#define PB_CAPABILITY_CANCEL UINT64_C(32)         /* asks is_cancelled, and ends soon after */
#define PB_CAPABILITY_ROLLBACK_SPACE UINT64_C(64) /* keeps what it replaces in PB_PATH_TMP */

typedef struct pb_module pb_module_t; /* one payload's instance; the plugin's, opaque */

/* The exported constant. Everything before `create` is plain data without pointers, so that tools
 * read it from the file without running the plugin.
 *
 * Lists are lines: entries separated by '\n'. All texts are NUL-terminated UTF-8. Functions may be
 * NULL where that is said. Each state returns PB_OK or fails the update; what each has to do, and
 * after which others it may come, is in docs/module-protocol.md under the same name. */
typedef struct pb_plugin {
  uint32_t size;            /* sizeof(pb_plugin_t) */
  uint16_t interface_major; /* PB_INTERFACE_MAJOR */
  uint16_t interface_minor; /* PB_INTERFACE_MINOR */
  uint16_t needs_minor;     /* the oldest host it can work with; 0: all of version 1 */
  uint16_t reserved[3];     /* 0 */
  uint64_t capabilities;    /* PB_CAPABILITY_* */
  char payload_types[256];  /* those it handles; empty: whatever its file is called */
  char version[64];         /* its own, for lists; may be empty */
  char description[256];    /* one sentence */
  char writes[1024];        /* paths it may change; "*" for what the artifact says */

  /* Makes the instance for one payload; `host` outlives it. Everything the plugin keeps in memory
   * may be lost between two states (a reboot, a crash): create is then called again, in a new
   * process, and finds its past in the work tree and in get_state. On failure no instance is left,
   * and destroy is not called. [main, before anything else] */
  int32_t (*create)(const pb_host_t* host, pb_module_t** module, pb_error_t* error);
  /* [main, last; never after a crash or a time-out] */
  void (*destroy)(pb_module_t* module);

  /* Questions: no side effects, asked at any time. NULL means PB_NO. [main, created] */
  int32_t (*provide_payload_file_sizes)(pb_module_t* module, int32_t* answer, pb_error_t* error);
  int32_t (*needs_artifact_reboot)(pb_module_t* module, int32_t* answer, pb_error_t* error);
  int32_t (*supports_rollback)(pb_module_t* module, int32_t* answer, pb_error_t* error);

  /* States. NULL: nothing to do. [main, created] */
  int32_t (*download)(pb_module_t* module, pb_error_t* error);
  int32_t (*artifact_install)(pb_module_t* module, pb_error_t* error);
  int32_t (*artifact_reboot)(pb_module_t* module, pb_error_t* error);
  int32_t (*artifact_verify_reboot)(pb_module_t* module, pb_error_t* error);
  int32_t (*artifact_commit)(pb_module_t* module, pb_error_t* error);
  int32_t (*artifact_rollback)(pb_module_t* module, pb_error_t* error);
  int32_t (*artifact_rollback_reboot)(pb_module_t* module, pb_error_t* error);
  int32_t (*artifact_verify_rollback_reboot)(pb_module_t* module, pb_error_t* error);
  int32_t (*artifact_failure)(pb_module_t* module, pb_error_t* error);
  int32_t (*cleanup)(pb_module_t* module, pb_error_t* error);

  /* An optional feature of the plugin, as pb_host_t.extension. NULL: it has none.
   * [main, created] */
  const void* (*extension)(pb_module_t* module, pb_text_t id, uint32_t version);
} pb_plugin_t;

extern PB_EXPORT const pb_plugin_t pb_plugin_v1;

/* ---- extensions of the plugin ---- */

/* What an install would do, one line for each thing, for people; nothing may be touched. */
#define PB_EXTENSION_PLAN "patchbay.plan"
typedef struct pb_plan_v1 {
  uint32_t size;
  uint32_t version; /* 1 */
  /* Calls `line` for each line, with `data`. [main, created] */
  int32_t (*plan)(pb_module_t* module, void (*line)(void* data, pb_text_t text), void* data,
                  pb_error_t* error);
} pb_plan_v1_t;

/* ---- small helps ---- */

/* A text of a NUL-terminated string. */
static inline pb_text_t pb_string(const char* string) {
  pb_text_t text;
  text.data = string;
  text.size = strlen(string);
  return text;
}

/* Whether `text` is `string`. */
static inline int pb_text_is(pb_text_t text, const char* string) {
  const size_t size = strlen(string);
  return text.size == size && memcmp(text.data, string, size) == 0;
}

/* Fills in `error`, and returns `code`: `return pb_fail(error, PB_INVALID, "...");`. */
static inline int32_t pb_fail(pb_error_t* error, int32_t code, const char* message) {
  size_t length = strlen(message);
  if (length > sizeof error->message - 1) length = sizeof error->message - 1;
  memcpy(error->message, message, length);
  error->message[length] = '\0';
  return code;
}

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* PATCHBAY_MODULE_H */
