#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "patchbay/module.h"
#include "patchbay/module.hpp"

/// From a Module to the C interface of plugins. Included by patchbay/module.hpp; PATCHBAY_PLUGIN is
/// all that an author needs of it.
namespace patchbay::module {

/// The functions of a plugin made from a Module, the same for all classes but `create`.
namespace plugin_calls {

using Factory = std::unique_ptr<Module> (*)();

std::int32_t create(const pb_host_t* host, pb_module_t** module, pb_error_t* error, Factory make);
void destroy(pb_module_t* module);
std::int32_t provide_payload_file_sizes(pb_module_t* module, std::int32_t* answer,
                                        pb_error_t* error);
std::int32_t needs_artifact_reboot(pb_module_t* module, std::int32_t* answer, pb_error_t* error);
std::int32_t supports_rollback(pb_module_t* module, std::int32_t* answer, pb_error_t* error);
std::int32_t download(pb_module_t* module, pb_error_t* error);
std::int32_t artifact_install(pb_module_t* module, pb_error_t* error);
std::int32_t artifact_reboot(pb_module_t* module, pb_error_t* error);
std::int32_t artifact_verify_reboot(pb_module_t* module, pb_error_t* error);
std::int32_t artifact_commit(pb_module_t* module, pb_error_t* error);
std::int32_t artifact_rollback(pb_module_t* module, pb_error_t* error);
std::int32_t artifact_rollback_reboot(pb_module_t* module, pb_error_t* error);
std::int32_t artifact_verify_rollback_reboot(pb_module_t* module, pb_error_t* error);
std::int32_t artifact_failure(pb_module_t* module, pb_error_t* error);
std::int32_t cleanup(pb_module_t* module, pb_error_t* error);
const void* extension(pb_module_t* module, pb_text_t id, std::uint32_t version);

template <typename Type>
std::int32_t create_of(const pb_host_t* host, pb_module_t** module, pb_error_t* error) {
  return create(host, module, error,
                []() -> std::unique_ptr<Module> { return std::make_unique<Type>(); });
}

/// A text that does not fit, with its final NUL, is an error of the compiler.
template <std::size_t Size>
constexpr void put(char (&field)[Size], std::string_view text) {
  if (text.size() >= Size) throw "a text of kFacts is too long";
  for (std::size_t i = 0; i < text.size(); ++i)
    field[i] = text[i];
}

constexpr std::uint64_t capabilities(const Facts& facts) {
  using Reboots = Description::Reboots;
  return (facts.rollback ? PB_CAPABILITY_ROLLBACK : 0) |
         (facts.streams ? PB_CAPABILITY_STREAMS : 0) |
         (facts.reboot == Reboots::maybe ? PB_CAPABILITY_REBOOT_MAYBE : 0) |
         (facts.reboot == Reboots::always ? PB_CAPABILITY_REBOOT_ALWAYS : 0) |
         (facts.network ? PB_CAPABILITY_NETWORK : 0) |
         (facts.asks_to_stop ? PB_CAPABILITY_CANCEL : 0) |
         (facts.needs_rollback_space ? PB_CAPABILITY_ROLLBACK_SPACE : 0);
}

}  // namespace plugin_calls

template <typename Type>
consteval pb_plugin_t make_plugin() {
  constexpr Facts facts = facts_of<Type>();
  pb_plugin_t plugin{};
  plugin.size = sizeof plugin;
  plugin.interface_major = PB_INTERFACE_MAJOR;
  plugin.interface_minor = PB_INTERFACE_MINOR;
  plugin.capabilities = plugin_calls::capabilities(facts);
  plugin_calls::put(plugin.payload_types, facts.types);
  plugin_calls::put(plugin.version, facts.version);
  plugin_calls::put(plugin.description, facts.description);
  plugin_calls::put(plugin.writes, facts.writes);
  plugin.create = plugin_calls::create_of<Type>;
  plugin.destroy = plugin_calls::destroy;
  plugin.provide_payload_file_sizes = plugin_calls::provide_payload_file_sizes;
  plugin.needs_artifact_reboot = plugin_calls::needs_artifact_reboot;
  plugin.supports_rollback = plugin_calls::supports_rollback;
  plugin.download = plugin_calls::download;
  plugin.artifact_install = plugin_calls::artifact_install;
  plugin.artifact_reboot = plugin_calls::artifact_reboot;
  plugin.artifact_verify_reboot = plugin_calls::artifact_verify_reboot;
  plugin.artifact_commit = plugin_calls::artifact_commit;
  plugin.artifact_rollback = plugin_calls::artifact_rollback;
  plugin.artifact_rollback_reboot = plugin_calls::artifact_rollback_reboot;
  plugin.artifact_verify_rollback_reboot = plugin_calls::artifact_verify_rollback_reboot;
  plugin.artifact_failure = plugin_calls::artifact_failure;
  plugin.cleanup = plugin_calls::cleanup;
  plugin.extension = plugin_calls::extension;
  return plugin;
}

}  // namespace patchbay::module
