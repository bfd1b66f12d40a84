#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/artifact/limits.hpp"
#include "core/base/result.hpp"

/// Which names an artifact may use; docs/artifact-format.md, "Names".
namespace patchbay::artifact {

/// Payload file: [A-Za-z0-9_.,-]+, not "." or "..", at most 255 bytes.
bool is_file_name(std::string_view name);

/// Payload type: [A-Za-z0-9_.-]+, not "." or "..". It becomes the file name of an update module.
bool is_payload_type(std::string_view type, const Limits& limits);

/// State script that may travel in an artifact: State_Action_NN[_text].
bool is_script_name(std::string_view name);

/// Artifact name, group, device type: not empty, bounded, no control characters. `what` names the
/// thing in the error. The text must be valid UTF-8 already.
Status check_artifact_name(std::string_view what, std::string_view name, const Limits& limits);

/// Key that only an artifact as a whole provides or depends on, none of its payloads.
bool is_key_of_artifact(std::string_view key);

/// Whether `text` holds a C0 or C1 control character or DEL.
bool has_control_character(std::string_view text);

/// The four digits of a payload index at the front of `text`, removed from it.
std::optional<std::size_t> take_index(std::string_view& text);

/// "0007".
std::string index_text(std::size_t index);

}  // namespace patchbay::artifact
