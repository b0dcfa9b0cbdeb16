# The installed libraries and headers, as a CMake package (targets pie::format and pie::pie) and for
# pkg-config (pie_format and pie). Headers keep their paths, so that #include "lib/..." stays true.
include(CMakePackageConfigHelpers)

set(headers ${CMAKE_INSTALL_INCLUDEDIR}/pie)
foreach(library pie_format pie)
  target_include_directories(${library} INTERFACE $<INSTALL_INTERFACE:${headers}>)
  target_compile_features(${library} INTERFACE cxx_std_17)
  set_target_properties(${library} PROPERTIES INSTALL_RPATH "$ORIGIN")
endforeach()
set_target_properties(pie_format PROPERTIES EXPORT_NAME format)
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME development)
install(TARGETS pie pie_format EXPORT pieTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT libraries NAMELINK_COMPONENT development)
install(DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/ DESTINATION ${headers}/lib FILES_MATCHING PATTERN "*.h")
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/base/version.h DESTINATION ${headers}/lib/base)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/pie)
install(EXPORT pieTargets NAMESPACE pie:: DESTINATION ${package})
configure_package_config_file(pieConfig.cmake.in pieConfig.cmake INSTALL_DESTINATION ${package})
write_basic_package_version_file(pieConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/pieConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/pieConfigVersion.cmake
  DESTINATION ${package})

# pie_pkg_config(NAME DESCRIPTION REQUIRES CFLAGS LIBS)  ->  NAME.pc, which can be moved with its prefix
function(pie_pkg_config name description requires cflags libs)
  # Relative, so that the prefix may move.
  file(RELATIVE_PATH root ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/${name}.pc
    "prefix=\${pcfiledir}/${root}\n"
    "libdir=\${prefix}/${CMAKE_INSTALL_LIBDIR}\n\n"
    "Name: ${name}\n"
    "Description: ${description}\n"
    "Version: ${PROJECT_VERSION}\n"
    "Requires: ${requires}\n"
    "Cflags: -I\${prefix}/${headers} ${cflags}\n"
    "Libs: -L\${libdir} -l${name} ${libs}\n")
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()
pie_pkg_config(pie_format "Image files and .pie code files" "" "" "")
list(TRANSFORM TORCH_INCLUDE_DIRS PREPEND "-I" OUTPUT_VARIABLE torch_includes)
string(REPLACE ";" " " torch_includes "${torch_includes}")
pie_pkg_config(pie "${PROJECT_DESCRIPTION}" pie_format "${torch_includes} ${TORCH_CXX_FLAGS} ${OpenMP_CXX_FLAGS}"
  "-L${TORCH_INSTALL_PREFIX}/lib -ltorch -ltorch_cpu -lc10")
