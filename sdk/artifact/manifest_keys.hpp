#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "sdk/artifact/generator.hpp"

/// The keys of a manifest, for those who read it and for the schema. What a generator's own options
/// add is not here.
namespace patchbay::artifact_tool {

enum class KeyKind : std::uint8_t {
  text,
  flag,   ///< true or false
  texts,  ///< a text, or a list of them
  pairs,  ///< a mapping of texts
};

struct ManifestKey {
  const char* name;
  KeyKind kind;
  const char* help;
};

inline constexpr std::array kArtifactKeys{
    ManifestKey{"artifact-name", KeyKind::text, "Name of the artifact"},
    ManifestKey{"compatible-types", KeyKind::texts, "Types of device it is for"},
    ManifestKey{"provides-group", KeyKind::text, "Group it belongs to"},
    ManifestKey{"depends-groups", KeyKind::texts, "Only for devices of one of these groups"},
    ManifestKey{"artifact-name-depends", KeyKind::texts, "Only for devices that run one of these"},
    ManifestKey{"scripts", KeyKind::texts, "State scripts, or directories of them"},
    ManifestKey{"compression", KeyKind::text, "none, gzip[:1-12], xz[:0-9], zstd[:1-19]"}};

inline constexpr std::array kPayloadKeys{
    ManifestKey{"meta-data", KeyKind::text, "File with a JSON object for the module"},
    ManifestKey{"no-checksum-provide", KeyKind::flag, "No rootfs-image.checksum"},
    ManifestKey{"legacy-rootfs-image-checksum", KeyKind::flag, "Call it rootfs_image_checksum"},
    ManifestKey{"provides", KeyKind::pairs, "What the device provides afterwards"},
    ManifestKey{"depends", KeyKind::pairs, "What it has to provide before"},
    ManifestKey{"clears-provides", KeyKind::texts,
                "Patterns of provides that are removed when it is committed"},
    ManifestKey{"software-name", KeyKind::text, "NAME of the provide rootfs-image.NAME.version"},
    ManifestKey{"software-version", KeyKind::text, "Its value; default: the artifact's name"},
    ManifestKey{"software-filesystem", KeyKind::text, "FS instead of rootfs-image in it"},
    ManifestKey{"no-default-software-version", KeyKind::flag,
                "No such provide, unless software-version is given"},
    ManifestKey{"no-default-clears-provides", KeyKind::flag,
                "Clear nothing but what is asked for"}};

/// Whether payloads of this type can have the key.
inline bool applies(std::string_view key, const Generator& generator) {
  if (key == "meta-data") return generator.meta_data.empty();
  if (key == "no-checksum-provide" || key == "legacy-rootfs-image-checksum")
    return !generator.checksum.empty();
  return true;
}

}  // namespace patchbay::artifact_tool
