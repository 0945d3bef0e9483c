module wirelab/bench/go_udp_echo

go 1.19
