#pragma once

#include <optional>
#include <string>
#include <vector>

#include "modules/containers/engine.hpp"
#include "modules/containers/record.hpp"
#include "patchbay/result.hpp"

/// Containers that an update has replaced, and that are kept, stopped and under another name, until
/// it is final.
namespace patchbay::containers {

/// What stands behind the name of a container that is kept.
constexpr const char* kOldSuffix = ".patchbay-old";

/// The name that a container has when it is back, if this is one that is kept.
std::optional<std::string> name_of_kept(const Container& container);

/// Of these, for the record.
std::vector<OldContainer> described(const std::vector<Container>& containers);

/// Stops it, and gives it its other name. Durable in the record before.
module::Status keep(const Engine& engine, Record& record, const OldContainer& old);

/// Before an update of those with the label `label`: what an earlier one has kept, and nobody has
/// removed, goes; one that has no successor gets its name back.
module::Status settle_kept(const Engine& engine, const std::string& label);

/// All old ones of the record as they were before keep(), from any point in it, also when an engine
/// has ended meanwhile; those to which nothing has been done are not stopped on the way. All that
/// can run again does, even if one cannot; the first that cannot is the error.
module::Status bring_back(const Engine& engine, const Record& record);

}  // namespace patchbay::containers
