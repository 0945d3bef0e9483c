#include "common/error.hh"

namespace wirelab {

void throw_errno(std::string_view operation, std::string_view object, int error) {
  std::string what(operation);
  if (!object.empty()) what.append(" ").append(object);
  throw std::system_error(error, std::generic_category(), what);
}

}  // namespace wirelab
