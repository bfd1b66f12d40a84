# Debian packages by CPack, one component a package: `./dev package` builds them. What belongs to
# which is said where it is installed (the default component of a folder is set in the top
# CMakeLists.txt).
# As Debian's own tools know who builds a package.
set(maintainer "The Patchbay Authors <maintainers@patchbay.invalid>")
if(DEFINED ENV{DEBEMAIL} AND DEFINED ENV{DEBFULLNAME})
  set(maintainer "$ENV{DEBFULLNAME} <$ENV{DEBEMAIL}>")
endif()
set(PATCHBAY_PACKAGE_MAINTAINER "${maintainer}" CACHE STRING "Who packages built here name as their maintainer")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME patchbay)
# Else it would stand before the summary of each package.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_PACKAGE_CONTACT "${PATCHBAY_PACKAGE_MAINTAINER}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_COMPONENTS_ALL client modules sdk compat)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)

# No semicolon in TEXT: CPack takes it for the end of an element of a list.
# patchbay_package(<component> NAME <name> SUMMARY <line> TEXT <lines> [DEPENDS ...] ...)
macro(patchbay_package component)
  cmake_parse_arguments(PB "" "NAME;SUMMARY;TEXT;SECTION;ARCHITECTURE;DEPENDS;RECOMMENDS;SUGGESTS;CONFLICTS;REPLACES;PROVIDES"
    "SCRIPTS" ${ARGN})
  string(TOUPPER ${component} PB_C)
  set(CPACK_DEBIAN_${PB_C}_PACKAGE_NAME ${PB_NAME})
  set(CPACK_DEBIAN_${PB_C}_DESCRIPTION "${PB_SUMMARY}\n${PB_TEXT}")
  foreach(field SECTION ARCHITECTURE DEPENDS RECOMMENDS SUGGESTS CONFLICTS REPLACES PROVIDES)
    if(PB_${field})
      set(CPACK_DEBIAN_${PB_C}_PACKAGE_${field} "${PB_${field}}")
    endif()
  endforeach()
  if(PB_SCRIPTS)
    set(CPACK_DEBIAN_${PB_C}_PACKAGE_CONTROL_EXTRA ${PB_SCRIPTS})
  endif()
  install(FILES "${CMAKE_CURRENT_BINARY_DIR}/packaging/changelog.gz" "${PROJECT_SOURCE_DIR}/packaging/deb/copyright"
          DESTINATION "${CMAKE_INSTALL_DATAROOTDIR}/doc/${PB_NAME}" COMPONENT ${component} EXCLUDE_FROM_ALL)
endmacro()

configure_file(packaging/deb/changelog.in packaging/changelog @ONLY)
execute_process(COMMAND gzip -9nc "${CMAKE_CURRENT_BINARY_DIR}/packaging/changelog"
                OUTPUT_FILE "${CMAKE_CURRENT_BINARY_DIR}/packaging/changelog.gz" COMMAND_ERROR_IS_FATAL ANY)

set(scripts "${PROJECT_SOURCE_DIR}/packaging/deb")
patchbay_package(client NAME patchbay
  SUMMARY "update-module runtime for embedded Linux"
  TEXT "Installs update artifacts and hands each payload in them to the module that
knows how to install it. Whatever happens on the way, the device ends with
everything new or everything as it was. Reads the artifacts of the Mender
project and runs its update modules as they are."
  DEPENDS "libssl3"  # loaded for the first checksum, so that no tool finds it
  RECOMMENDS "patchbay-modules, libcurl4, ca-certificates"
  SUGGESTS "libsystemd0, dbus, libengine-pkcs11-openssl"  # for add-ons of the server, for keys in hardware
  SCRIPTS "${scripts}/client/postinst" "${scripts}/prerm" "${scripts}/client/postrm" "${scripts}/client/conffiles")
patchbay_package(modules NAME patchbay-modules
  SUMMARY "update modules that come with Patchbay"
  TEXT "One program for each kind of payload. patchbay(1) starts the one whose name is
the type of the payload. Each keeps what it needs to take back what it did."
  DEPENDS "patchbay (= ${PROJECT_VERSION})"
  RECOMMENDS "libarchive13, libcurl4, libzstd1, age"
  SUGGESTS "librsync2, docker.io, podman, docker-compose, podman-compose, xdelta3"
  SCRIPTS "${scripts}/prerm")
patchbay_package(sdk NAME patchbay-sdk SECTION devel
  SUMMARY "makes update artifacts and update modules"
  TEXT "The artifact tool, and headers, library, templates and the kit that checks
modules, for those who write their own."
  RECOMMENDS "patchbay, e2fsprogs, libengine-pkcs11-openssl, age"
  SUGGESTS "rdiff")
install(FILES "${scripts}/sdk.lintian-overrides" DESTINATION "${CMAKE_INSTALL_DATAROOTDIR}/lintian/overrides"
        RENAME patchbay-sdk COMPONENT sdk EXCLUDE_FROM_ALL)
patchbay_package(compat NAME patchbay-mender-compat ARCHITECTURE all
  SUMMARY "Patchbay under the names of Mender's programs"
  TEXT "Links with which scripts and add-ons written for mender-update, mender and
mender-artifact find Patchbay, which then speaks as those programs do."
  DEPENDS "patchbay (>= ${PROJECT_VERSION})" RECOMMENDS "patchbay-sdk"
  CONFLICTS "mender-client, mender-update, mender-artifact"
  REPLACES "mender-client, mender-update, mender-artifact"
  PROVIDES "mender-client, mender-update, mender-artifact")
include(CPack)
