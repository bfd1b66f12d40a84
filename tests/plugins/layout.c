/* Prints the layout of the C interface, a line for each fact: what a released version has promised.
 * layout_test.sh compares it with golden/. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "patchbay/module.h"

#define SIZE(type) printf("size %s %zu\n", #type, sizeof(type))
#define FIELD(type, field)                                                        \
  printf("field %s.%s at %zu, %zu bytes\n", #type, #field, offsetof(type, field), \
         sizeof(((type*)0)->field))
#define VALUE(name) printf("value %s %" PRIu64 "\n", #name, (uint64_t)(name))
#define NAME(name) printf("name %s \"%s\"\n", #name, name)

static void values(void) {
  VALUE(PB_INTERFACE_MAJOR);
  VALUE(PB_OK);
  VALUE(PB_FAILED);
  VALUE(PB_INVALID);
  VALUE(PB_NOT_FOUND);
  VALUE(PB_NO_SPACE);
  VALUE(PB_IO);
  VALUE(PB_CANCELLED);
  VALUE(PB_UNSUPPORTED);
  VALUE(PB_END);
  VALUE(PB_NO);
  VALUE(PB_YES);
  VALUE(PB_AUTOMATIC);
  VALUE(PB_LOG_DEBUG);
  VALUE(PB_LOG_INFO);
  VALUE(PB_LOG_WARNING);
  VALUE(PB_LOG_ERROR);
  VALUE(PB_PATH_TREE);
  VALUE(PB_PATH_TMP);
  VALUE(PB_PATH_FILES);
  VALUE(PB_CAPABILITY_ROLLBACK);
  VALUE(PB_CAPABILITY_STREAMS);
  VALUE(PB_CAPABILITY_REBOOT_MAYBE);
  VALUE(PB_CAPABILITY_REBOOT_ALWAYS);
  VALUE(PB_CAPABILITY_NETWORK);
  VALUE(PB_CAPABILITY_CANCEL);
  VALUE(PB_CAPABILITY_ROLLBACK_SPACE);
  NAME(PB_EXTENSION_PLAN);
}

static void small_structs(void) {
  SIZE(pb_error_t);
  FIELD(pb_error_t, size);
  FIELD(pb_error_t, version);
  FIELD(pb_error_t, os_error);
  FIELD(pb_error_t, message);
  SIZE(pb_text_t);
  FIELD(pb_text_t, data);
  FIELD(pb_text_t, size);
  SIZE(pb_file_t);
  FIELD(pb_file_t, size);
  FIELD(pb_file_t, version);
  FIELD(pb_file_t, bytes);
  FIELD(pb_file_t, name);
  FIELD(pb_file_t, name_length);
  SIZE(pb_plan_v1_t);
  FIELD(pb_plan_v1_t, size);
  FIELD(pb_plan_v1_t, version);
  FIELD(pb_plan_v1_t, plan);
}

static void host(void) {
  SIZE(pb_host_t);
  FIELD(pb_host_t, size);
  FIELD(pb_host_t, interface_major);
  FIELD(pb_host_t, interface_minor);
  FIELD(pb_host_t, data);
  FIELD(pb_host_t, payload_type);
  FIELD(pb_host_t, path);
  FIELD(pb_host_t, log);
  FIELD(pb_host_t, progress);
  FIELD(pb_host_t, status);
  FIELD(pb_host_t, is_cancelled);
  FIELD(pb_host_t, next_file);
  FIELD(pb_host_t, read);
  FIELD(pb_host_t, take_stream);
  FIELD(pb_host_t, get_state);
  FIELD(pb_host_t, set_state);
  FIELD(pb_host_t, remove_state);
  FIELD(pb_host_t, extension);
}

static void plugin(void) {
  SIZE(pb_plugin_t);
  FIELD(pb_plugin_t, size);
  FIELD(pb_plugin_t, interface_major);
  FIELD(pb_plugin_t, interface_minor);
  FIELD(pb_plugin_t, needs_minor);
  FIELD(pb_plugin_t, reserved);
  FIELD(pb_plugin_t, capabilities);
  FIELD(pb_plugin_t, payload_types);
  FIELD(pb_plugin_t, version);
  FIELD(pb_plugin_t, description);
  FIELD(pb_plugin_t, writes);
  FIELD(pb_plugin_t, create);
  FIELD(pb_plugin_t, destroy);
  FIELD(pb_plugin_t, provide_payload_file_sizes);
  FIELD(pb_plugin_t, needs_artifact_reboot);
  FIELD(pb_plugin_t, supports_rollback);
  FIELD(pb_plugin_t, download);
  FIELD(pb_plugin_t, artifact_install);
  FIELD(pb_plugin_t, artifact_reboot);
  FIELD(pb_plugin_t, artifact_verify_reboot);
  FIELD(pb_plugin_t, artifact_commit);
  FIELD(pb_plugin_t, artifact_rollback);
  FIELD(pb_plugin_t, artifact_rollback_reboot);
  FIELD(pb_plugin_t, artifact_verify_rollback_reboot);
  FIELD(pb_plugin_t, artifact_failure);
  FIELD(pb_plugin_t, cleanup);
  FIELD(pb_plugin_t, extension);
}

int main(void) {
  values();
  small_structs();
  host();
  plugin();
  return 0;
}
