#pragma once

#include <string>

#include "core/base/result.hpp"

/// `patchbay-module new`: a complete small project for a module, made from the templates of the
/// SDK.
namespace patchbay::kit {

enum class Language { c, cpp, sh, python };
enum class Product { executable, plugin };

struct ProjectWish {
  std::string type;  ///< payload type, and the name of the directory
  Language language = Language::sh;
  Product product = Product::executable;
  std::string templates;  ///< where they are; empty: where the SDK is installed
};

/// Makes the directory `wish.type` in the current one, and returns what to do next, for people.
/// Errors: invalid_input (no name for a module; a language that makes no plugins; something of that
/// name is there already), not_found (the templates), io. Nothing is left behind after an error.
Result<std::string> make_project(const ProjectWish& wish);

}  // namespace patchbay::kit
