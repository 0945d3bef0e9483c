// All of this program is in raw_icmp.cc.
