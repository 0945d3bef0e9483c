#!/usr/bin/perl
# Lab 03 in Perl, one process and select: the whole contract of the handout, written from the handout alone.
use strict;
use warnings;
use Errno qw(EAGAIN EWOULDBLOCK EINTR ECONNABORTED);
use IO::Handle;
use Socket qw(:DEFAULT SOMAXCONN TCP_NODELAY IPPROTO_TCP getaddrinfo getnameinfo NI_NUMERICHOST NI_NUMERICSERV
  AI_NUMERICSERV MSG_NOSIGNAL);
use Time::HiRes qw(time);

use constant BUFFER       => 64 << 10;
use constant DRAIN_SECONDS => 5;

STDOUT->autoflush(1);
$SIG{PIPE} = 'IGNORE';

sub fail  { print STDERR "tcp_echo: @_\n"; exit 1 }
sub usage { print STDERR "tcp_echo: $_[0]\nusage: tcp_echo server HOST [-p PORT]\n       tcp_echo client HOST [-p PORT] [MESSAGE...]\n"; exit 2 }
sub passing { return $!{EAGAIN} || $!{EWOULDBLOCK} || $!{EINTR} }

sub name_of {
    my ($error, $host, $port) = getnameinfo($_[0], NI_NUMERICHOST | NI_NUMERICSERV);
    return $host =~ /:/ ? "[$host]:$port" : "$host:$port";
}

sub resolve {
    my ($host, $port) = @_;
    $host = '0.0.0.0' if $host eq '';
    my ($error, @found) = getaddrinfo($host, $port, { socktype => SOCK_STREAM, flags => AI_NUMERICSERV });
    fail("resolve $host: $error") if $error;
    return $found[0];
}

# --- the server ------------------------------------------------------------------------------------------------------

my (%clients, $listener, $stop_at);    # clients by file number: { socket, name, waiting, ended, echoed }

sub listen_at {
    my $address = resolve(@_);
    my $name    = name_of($address->{addr});
    socket($listener, $address->{family}, SOCK_STREAM, 0) or fail("socket: $!");
    setsockopt($listener, SOL_SOCKET, SO_REUSEADDR, 1) or fail("setsockopt: $!");
    bind($listener, $address->{addr}) or fail("bind $name: $!");
    listen($listener, SOMAXCONN) or fail("listen $name: $!");
    $listener->blocking(0);
    print "Listening at ", name_of(getsockname $listener), "\n";
}

# Accepts everybody who waits. Returns whether it has to be tried again later.
sub accept_clients {
    while (1) {
        if (my $peer = accept(my $socket, $listener)) {
            $socket->blocking(0);
            setsockopt($socket, IPPROTO_TCP, TCP_NODELAY, 1);
            my $name = name_of($peer);
            $clients{ fileno $socket } = { socket => $socket, name => $name, waiting => '', ended => 0, echoed => 0 };
            print "Connection from $name\n";
        }
        elsif ($!{EINTR} || $!{ECONNABORTED}) { next }
        else                                  { return !($!{EAGAIN} || $!{EWOULDBLOCK}) }
    }
}

sub close_client {
    my ($number, $how) = @_;
    my $client = delete $clients{$number};
    close $client->{socket};
    print "Closed $client->{name}: $how\n";
}

sub serve {
    my ($number) = @_;
    my $client = $clients{$number};
    if (length($client->{waiting}) < BUFFER && !$client->{ended}) {
        my $count = sysread($client->{socket}, $client->{waiting}, BUFFER, length $client->{waiting});
        return close_client($number, "receive: $!") if !defined $count && !passing();
        $client->{ended} = 1 if defined $count && $count == 0;
    }
    if (length $client->{waiting}) {
        my $count = send($client->{socket}, $client->{waiting}, MSG_NOSIGNAL);
        return close_client($number, "send: $!") if !defined $count && !passing();
        substr($client->{waiting}, 0, $count, ''), $client->{echoed} += $count if $count;
    }
    close_client($number, "$client->{echoed} bytes echoed") if $client->{ended} && !length $client->{waiting};
}

sub server {
    my ($host, $port) = @_;
    my $stop = 0;
    $SIG{TERM} = sub { $stop = 1 };
    listen_at($host, $port);
    my $later = 0;
    while ($listener || (%clients && time < $stop_at)) {
        my ($read, $write) = ('', '');
        vec($read, fileno $listener, 1) = 1 if $listener && !$later;
        for (keys %clients) {
            vec($read,  $_, 1) = 1 if length($clients{$_}{waiting}) < BUFFER && !$clients{$_}{ended};
            vec($write, $_, 1) = 1 if length $clients{$_}{waiting};
        }
        # A signal between the look at $stop and select would be noticed only half a second later.
        select($read, $write, undef, $later ? 0.1 : 0.5) >= 0 or ($read, $write) = ('', '');
        if ($listener && ($later || vec($read, fileno $listener, 1))) { $later = accept_clients() }
        for (keys %clients) { serve($_) if vec($read, $_, 1) || vec($write, $_, 1) }
        if ($stop && $listener) {
            accept_clients();
            close $listener;
            ($listener, $later, $stop_at) = (undef, 0, time + DRAIN_SECONDS);
        }
    }
    exit 0;
}

# --- the client ------------------------------------------------------------------------------------------------------

sub client {
    my ($host, $port, @words) = @_;
    my $address = resolve($host, $port);
    my $name    = name_of($address->{addr});
    socket(my $socket, $address->{family}, SOCK_STREAM, 0) or fail("socket: $!");
    connect($socket, $address->{addr}) or fail("connect $name: $!");
    $socket->blocking(0);

    my ($waiting, $ended, $closed, $sent, $received) = (join(' ', @words), scalar @words, 0, 0, 0);
    until ($closed && $received == $sent) {
        my ($read, $write) = ('', '');
        vec($read, fileno $socket, 1) = 1;
        vec($read, fileno STDIN,   1) = 1 if !$ended && $waiting eq '';
        vec($write, fileno $socket, 1) = 1 if $waiting ne '';
        if ($ended && $waiting eq '' && !$closed) {
            shutdown($socket, 1) or fail("shutdown $name: $!");
            $closed = 1;
            next;
        }
        next if select($read, $write, undef, undef) < 0;
        if (vec($read, fileno $socket, 1)) {
            my $count = sysread($socket, my $bytes, BUFFER);
            fail("receive from $name: $!") if !defined $count && !passing();
            fail("receive from $name: connection closed after $received of ${\($sent + length $waiting)} bytes")
              if defined $count && $count == 0;
            if ($count) {
                print $bytes;
                $received += $count;
                fail("receive from $name: $received bytes came back, only $sent were sent") if $received > $sent;
            }
        }
        if (vec($read, fileno STDIN, 1)) {
            my $count = sysread(STDIN, $waiting, BUFFER);
            fail("read standard input: $!") if !defined $count && !passing();
            $ended = 1 if defined $count && $count == 0;
        }
        if (vec($write, fileno $socket, 1)) {
            my $count = send($socket, $waiting, MSG_NOSIGNAL);
            fail("send to $name: $!") if !defined $count && !passing();
            substr($waiting, 0, $count, ''), $sent += $count if $count;
        }
    }
    exit 0;
}

# --- the command line ------------------------------------------------------------------------------------------------

binmode $_ for *STDIN, *STDOUT;
my $role = shift @ARGV // usage('a role is missing');
usage("no role '$role'") unless $role eq 'server' || $role eq 'client';
my ($port, $literal, @words) = (1060, 0);
while (@ARGV) {
    my $word = shift @ARGV;
    if    ($literal || $word !~ /^-./) { push @words, $word }
    elsif ($word eq '--')              { $literal = 1 }
    elsif ($word eq '-p') {
        $port = shift @ARGV // usage('option -p: its value is missing');
        usage("port '$port'") unless $port =~ /^\d+$/ && $port <= 65535;
    }
    else { usage("no option '$word'") }
}
usage('HOST is missing') unless @words;
my $host = shift @words;
$role eq 'client' ? client($host, $port, @words) : @words ? usage('too many arguments') : server($host, $port);
