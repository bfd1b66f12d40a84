# One folder = one library = one test program. The LINKS list of a folder is its place in the
# layering; tools/check_style.py holds the include lines against it.

# patchbay_library(<name> SOURCES a.cpp ... LINKS patchbay::base ... [PRIVATE_LINKS ZLIB::ZLIB ...])
function(patchbay_library name)
  cmake_parse_arguments(PB "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  add_library(patchbay_${name} STATIC ${PB_SOURCES})
  add_library(patchbay::${name} ALIAS patchbay_${name})
  target_link_libraries(patchbay_${name} PUBLIC patchbay_options ${PB_LINKS} PRIVATE ${PB_PRIVATE_LINKS})
endfunction()

# patchbay_test_sources(<file>...): with sanitizers, GoogleTest's macros take three times as long when
# they are optimised and checked for undefined behaviour. What is under test is in the libraries;
# addresses are checked here, too.
function(patchbay_test_sources)
  if(PATCHBAY_SANITIZE)
    set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS "-O0;-fno-sanitize=undefined")
  endif()
endfunction()

# patchbay_test(<name> SOURCES a_test.cpp ... LINKS patchbay::os ...): program patchbay_<name>_test,
# its cases found by CTest one by one.
function(patchbay_test name)
  if(NOT BUILD_TESTING)
    return()
  endif()
  cmake_parse_arguments(PB "" "" "SOURCES;LINKS;LABELS" ${ARGN})
  find_package(GTest REQUIRED)
  include(GoogleTest)
  add_executable(patchbay_${name}_test ${PB_SOURCES})
  target_link_libraries(patchbay_${name}_test PRIVATE patchbay_options ${PB_LINKS}
    patchbay::test_support GTest::gtest GTest::gmock GTest::gtest_main)
  patchbay_test_sources(${PB_SOURCES})
  gtest_discover_tests(patchbay_${name}_test TEST_PREFIX "${name}." DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT 300 LABELS "${PB_LABELS}")
endfunction()
