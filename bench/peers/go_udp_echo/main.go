// A UDP echo server in Go that answers from the address that was asked, with nothing but the standard library. A peer to
// measure lab 04 against. usage: go_udp_echo PORT
package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"syscall"
)

const interfaceOffset = syscall.SizeofCmsghdr // in_pktinfo begins with ipi_ifindex

func fail(err error) {
	fmt.Fprintln(os.Stderr, "go_udp_echo:", err)
	os.Exit(1)
}

// askForDestination sets IP_PKTINFO.
func askForDestination(connection *net.UDPConn) error {
	raw, err := connection.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_PKTINFO, 1)
	})
	if err != nil {
		return err
	}
	return failed
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go_udp_echo PORT")
		os.Exit(2)
	}
	address, err := net.ResolveUDPAddr("udp4", ":"+os.Args[1])
	if err != nil {
		fail(err)
	}
	connection, err := net.ListenUDP("udp4", address)
	if err != nil {
		fail(err)
	}
	if err := askForDestination(connection); err != nil {
		fail(err)
	}
	buffer, ancillary := make([]byte, 65535), make([]byte, 128)
	for {
		count, size, _, client, err := connection.ReadMsgUDPAddrPort(buffer, ancillary)
		if err != nil {
			continue
		}
		if size >= interfaceOffset+syscall.SizeofInet4Pktinfo {
			binary.LittleEndian.PutUint32(ancillary[interfaceOffset:], 0) // zero in any byte order
		}
		connection.WriteMsgUDPAddrPort(buffer[:count], ancillary[:size], client)
	}
}
