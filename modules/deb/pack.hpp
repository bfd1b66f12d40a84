#pragma once

#include <set>
#include <string>
#include <vector>

#include "patchbay/result.hpp"

/// Packages made anew from what is on the disk, for those whose archive is nowhere any more.
namespace patchbay::deb {

/// What dpkg lists of an installed package, or of what a removed one has left.
struct Contents {
  struct File {
    std::string name;   ///< as the package brought it
    std::string place;  ///< where it lies; somewhere else where another package diverts it
  };
  std::vector<File> files;
  /// What dpkg must not unpack when the package comes back: configuration files, which are kept for
  /// themselves, and what somebody has removed.
  std::set<std::string> left_out;
};
module::Result<Contents> contents_of(const std::string& package);

/// Makes a .deb of the package at `deb`, in which configuration files are empty. The work is done
/// in `directory`.
module::Status pack(const std::string& package, const Contents& contents,
                    const std::string& directory, const std::string& deb);

/// Options that keep dpkg from unpacking `paths`.
std::vector<std::string> options_leaving_out(const std::set<std::string>& paths);

}  // namespace patchbay::deb
