# What Debian asks of files in a package, done to those that lie ready for one. No run path:
# libraries lie where the loader looks anyway.
file(GLOB_RECURSE binaries LIST_DIRECTORIES false
  ${CPACK_TEMPORARY_DIRECTORY}/*/usr/bin/* ${CPACK_TEMPORARY_DIRECTORY}/*/usr/lib/*.so*)
foreach(binary IN LISTS binaries)
  if(NOT IS_SYMLINK ${binary})
    file(RPATH_REMOVE FILE ${binary})
  endif()
endforeach()
file(GLOB_RECURSE pages LIST_DIRECTORIES false ${CPACK_TEMPORARY_DIRECTORY}/*/usr/share/man/*)
execute_process(COMMAND gzip -9nf ${pages})
