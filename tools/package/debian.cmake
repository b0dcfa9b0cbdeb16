# Debian packages, one for each component: "cpack -G DEB" in a build folder makes them, and
# tests/package/debian.sh installs, uses and removes them in a root of their own.
set(here ${CMAKE_CURRENT_LIST_DIR})
set(CPACK_GENERATOR DEB)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_PACKAGE_CONTACT "The PIE authors <authors@pie.invalid>")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS ${here}/stage.cmake)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
# What a program or library needs is read off it; the package's own libraries are named below.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR}/bin)
set(version "(= ${PROJECT_VERSION}-1)")

# pie_package(COMPONENT NAME SECTION DEPENDS SUMMARY TEXT), where lines of the text end with \n.
macro(pie_package component name section depends summary text)
  string(TOUPPER ${component} key)
  list(APPEND CPACK_COMPONENTS_ALL ${component})
  set(CPACK_DEBIAN_${key}_PACKAGE_NAME ${name})
  set(CPACK_DEBIAN_${key}_PACKAGE_SECTION ${section})
  set(CPACK_DEBIAN_${key}_PACKAGE_DEPENDS "${depends}")
  set(CPACK_DEBIAN_${key}_DESCRIPTION "${summary}\n${text}")
  set(documents ${CMAKE_INSTALL_DATADIR}/doc/${name})
  install(FILES ${here}/copyright DESTINATION ${documents} COMPONENT ${component})
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/changelog.gz DESTINATION ${documents} COMPONENT ${component}
    RENAME changelog.Debian.gz)
endmacro()

pie_package(libraries libpie0 libs ""
  "learned image compression: shared libraries"
  "Invertible networks that code images, from a few bytes to every bit,\nin one layered file.")
pie_package(development libpie-dev libdevel "libpie0 ${version}, libtorch-dev, nlohmann-json3-dev"
  "learned image compression: headers and build files"
  "For programs of your own: find_package(pie) for CMake, and pkg-config files.")
pie_package(models pie-models graphics ""
  "learned image compression: trained models"
  "Photographs, digits and clothes: the weights that pie-tools looks for\nby name or fingerprint.")
pie_package(tools pie-tools graphics "libpie0 ${version}, pie-models ${version}, libopenblas0-openmp | libblas3"
  "learned image compression: command-line tools"
  "pie-encode and pie-decode code images without loss, or their first\nlayers, which are previews; pie-train trains models on images of your\nown; pie-sample draws new images; flow-eval measures.")
set(CPACK_DEBIAN_MODELS_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_MODELS_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY "=")
set(CPACK_DEBIAN_LIBRARIES_PACKAGE_CONTROL_EXTRA ${here}/triggers)

install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/lib/container/FORMAT.md
  DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/pie-tools COMPONENT tools)

# Debian's change log says since when a package exists; the project's own is CHANGELOG.md.
file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/changelog
  "pie (${PROJECT_VERSION}-1) unstable; urgency=medium\n\n  * Version ${PROJECT_VERSION}; CHANGELOG.md says what is new.\n\n"
  " -- ${CPACK_PACKAGE_CONTACT}  Thu, 26 Nov 2026 00:00:00 +0000\n")
execute_process(COMMAND gzip -9nc changelog WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}
  OUTPUT_FILE ${CMAKE_CURRENT_BINARY_DIR}/changelog.gz)
include(CPack)
