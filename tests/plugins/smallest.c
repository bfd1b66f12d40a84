/* The smallest plugin there is: it must compile in every language the header promises. */
#include "patchbay/module.h"

struct pb_module {
  const pb_host_t* host;
};

static int32_t create(const pb_host_t* host, pb_module_t** module, pb_error_t* error) {
  static pb_module_t only;
  (void)error;
  only.host = host;
  *module = &only;
  return PB_OK;
}

static void destroy(pb_module_t* module) {
  (void)module;
}

static int32_t install(pb_module_t* module, pb_error_t* error) {
  if (pb_text_is(module->host->payload_type(module->host), "other"))
    return pb_fail(error, PB_INVALID, "not for this type");
  module->host->log(module->host, PB_LOG_INFO, pb_string("installed"));
  return PB_OK;
}

const pb_plugin_t pb_plugin_v1 = {
    sizeof(pb_plugin_t),
    PB_INTERFACE_MAJOR,
    PB_INTERFACE_MINOR,
    0,
    {0, 0, 0},
    PB_CAPABILITY_CANCEL,
    "smallest",
    "1",
    "Does nothing",
    "",
    create,
    destroy,
    NULL,
    NULL,
    NULL,
    NULL,
    install,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
};
