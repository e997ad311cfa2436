// Usage: http_downstream
//
// The quickest downstream that there can be: answers every request 201 with a small JSON body, over
// kept connections, on one thread. Prints its address; ends on SIGTERM.

#include <asio.hpp>
#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace {

using asio::ip::tcp;

constexpr char kAnswer[] =
    "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 29\r\n\r\n"
    R"({"id":"b-1","state":"booked"})";

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  explicit Connection(tcp::socket socket) : socket_(std::move(socket)) {}

  void Read() {
    asio::async_read_until(socket_, asio::dynamic_buffer(data_), "\r\n\r\n",
                           [self = shared_from_this()](std::error_code error, size_t head) {
                             if (!error) self->ReadBody(head);
                           });
  }

 private:
  void ReadBody(size_t head) {
    const size_t whole = head + BodyBytes(absl::string_view(data_).substr(0, head));
    const size_t missing = whole > data_.size() ? whole - data_.size() : 0;
    asio::async_read(socket_, asio::dynamic_buffer(data_), asio::transfer_exactly(missing),
                     [self = shared_from_this(), whole](std::error_code error, size_t) {
                       if (!error) self->Answer(whole);
                     });
  }
  static size_t BodyBytes(absl::string_view head) {
    size_t bytes = 0;
    for (absl::string_view line : absl::StrSplit(head, "\r\n")) {
      if (!absl::StartsWithIgnoreCase(line, "content-length:")) continue;
      if (!absl::SimpleAtoi(absl::StripAsciiWhitespace(line.substr(15)), &bytes)) bytes = 0;
    }
    return bytes;
  }
  void Answer(size_t whole) {
    data_.erase(0, whole);
    asio::async_write(socket_, asio::buffer(kAnswer, sizeof(kAnswer) - 1),
                      [self = shared_from_this()](std::error_code error, size_t) {
                        if (!error) self->Read();
                      });
  }

  tcp::socket socket_;
  std::string data_;
};

void Accept(tcp::acceptor& acceptor) {
  acceptor.async_accept([&acceptor](std::error_code error, tcp::socket socket) {
    if (error) return;
    socket.set_option(tcp::no_delay(true));
    std::make_shared<Connection>(std::move(socket))->Read();
    Accept(acceptor);
  });
}

}  // namespace

int main() {
  asio::io_context loop(1);
  tcp::acceptor acceptor(loop, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  Accept(acceptor);
  asio::signal_set signals(loop, SIGTERM);
  signals.async_wait([&loop](std::error_code, int) { loop.stop(); });
  std::cout << "http://127.0.0.1:" << acceptor.local_endpoint().port() << std::endl;
  loop.run();
}
