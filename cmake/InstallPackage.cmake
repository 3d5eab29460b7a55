# The C++ package: cmake --install build/release --prefix X --component cpp, then find_package(millstream) in another project.
include(CMakePackageConfigHelpers)
set(CONFIG_DIR lib/cmake/millstream)

install(TARGETS millstream millstream_arrow EXPORT millstreamTargets LIBRARY DESTINATION lib COMPONENT cpp NAMELINK_SKIP)
set_target_properties(millstream_arrow PROPERTIES EXPORT_NAME arrow)
install(EXPORT millstreamTargets NAMESPACE millstream:: DESTINATION ${CONFIG_DIR} COMPONENT cpp)
install(DIRECTORY include/millstream DESTINATION include COMPONENT cpp FILES_MATCHING PATTERN "*.h")

if(MILLSTREAM_SYSTEM_ARROW)
  install(TARGETS millstream LIBRARY DESTINATION lib COMPONENT cpp NAMELINK_ONLY)
else()
  # GNU ld takes no library whose references insist on a version, so the one that runs is bound where it is installed, and programs link with
  # libmillstream.so, which is the same as it came from the linker.
  install(CODE "
    set(library \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/lib/libmillstream.so\")
    file(REMOVE \${library})
    execute_process(COMMAND ${CMAKE_STRIP} --strip-unneeded -o \${library} \${library}.${PROJECT_VERSION} COMMAND_ERROR_IS_FATAL ANY)
    execute_process(COMMAND ${Python_EXECUTABLE} -B ${PRIVATE_COPY} bind millstream \${library}.${PROJECT_VERSION} COMMAND_ERROR_IS_FATAL ANY)
  " COMPONENT cpp)
  install(FILES ${MILLSTREAM_ARROW_LIBRARIES} ${MILLSTREAM_ARROW_STUBS} DESTINATION lib COMPONENT cpp)
  install(FILES ${PYARROW_LICENSES} DESTINATION share/doc/millstream/arrow_licenses COMPONENT cpp)
  millstream_install_library_licenses(share/doc/millstream/library_licenses cpp)
  # In a folder of their own, so that an Arrow installed under the same prefix keeps its headers.
  install(DIRECTORY ${PYARROW_DIR}/include/arrow ${PYARROW_DIR}/include/parquet DESTINATION include/millstream-arrow COMPONENT cpp
    FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp"
    PATTERN arrow/python EXCLUDE PATTERN arrow/flight EXCLUDE PATTERN arrow/acero EXCLUDE PATTERN arrow/dataset EXCLUDE PATTERN arrow/engine EXCLUDE)
endif()

configure_package_config_file(cmake/millstreamConfig.cmake.in ${PROJECT_BINARY_DIR}/millstreamConfig.cmake INSTALL_DESTINATION ${CONFIG_DIR})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/millstreamConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/millstreamConfig.cmake ${PROJECT_BINARY_DIR}/millstreamConfigVersion.cmake DESTINATION ${CONFIG_DIR} COMPONENT cpp)
