"""Small networks for pictures of digits [batch, 8, 8], and the training that takes them there in seconds."""

from __future__ import annotations

import torch


class Cnn(torch.nn.Sequential):
    def __init__(self):
        super().__init__(
            torch.nn.Unflatten(1, (1, 8)),
            torch.nn.Conv2d(1, 12, 3, padding=1),
            torch.nn.BatchNorm2d(12),
            torch.nn.ReLU(inplace=True),
            torch.nn.MaxPool2d(2),
            torch.nn.Conv2d(12, 16, 3, padding=1),
            torch.nn.ReLU(inplace=True),
            torch.nn.Flatten(),
            torch.nn.Dropout(0.2),
            torch.nn.Linear(256, 10),
        )


class Dense(torch.nn.Sequential):
    def __init__(self):
        super().__init__(
            torch.nn.Flatten(),
            torch.nn.Linear(64, 48),
            torch.nn.GELU(),
            torch.nn.LayerNorm(48),
            torch.nn.Linear(48, 10),
        )


class Recurrent(torch.nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.rnn = kind(8, 24, batch_first=True, bidirectional=True)
        self.head = torch.nn.Linear(8 * 48, 10)

    def forward(self, rows):
        return self.head(self.rnn(rows)[0].flatten(1))


class Stateful(torch.nn.Module):
    """A network that is given its own state, step by step."""

    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(8, 6, batch_first=True)

    def forward(self, rows, state):
        found, state = self.lstm(rows, state)
        return {"found": found, "state": state}


class Broken(torch.nn.Module):
    """A network of which an operator is exported wrongly: while it is traced, it divides by another number."""

    def __init__(self):
        super().__init__()
        self.before, self.after = torch.nn.Linear(8, 8), torch.nn.Linear(8, 4)
        self.wrong = Wrong()

    def forward(self, rows):
        return self.after(self.wrong(self.before(rows)).relu())


class Wrong(torch.nn.Module):
    def forward(self, values):
        return values / (2.01 if torch.compiler.is_compiling() else 2.0)


class Branching(torch.nn.Module):
    """A network with a branch on values, which no graph can have and a trace leaves out."""

    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Linear(8, 4)

    def forward(self, rows):
        return self.inner(rows) if float(rows.abs().mean()) < 1e6 else rows[:, :4]


class Bearings(torch.nn.Module):
    """A network for windows of vibration [batch, 1, 1024], as the weights of the assets have it."""

    def __init__(self):
        super().__init__()
        blocks, channels = [], 1
        for width, (size, stride, padding) in zip(
            (16, 32, 64, 64), ((64, 8, 28), (3, 1, 1), (3, 1, 1), (3, 1, 1)), strict=True
        ):
            blocks += [torch.nn.Conv1d(channels, width, size, stride, padding), torch.nn.BatchNorm1d(width)]
            blocks += [torch.nn.ReLU(), torch.nn.MaxPool1d(2)]
            channels = width
        self.features = torch.nn.Sequential(*blocks)
        self.head = torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.Linear(512, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10)
        )

    def forward(self, window):
        return self.head(self.features(window))


NETWORKS = {
    "cnn": Cnn,
    "dense": Dense,
    "lstm": lambda: Recurrent(torch.nn.LSTM),
    "gru": lambda: Recurrent(torch.nn.GRU),
}


def train(network, pictures, classes, *, steps=220):
    """Train a network on pictures [samples, 8, 8] and classes [samples]."""
    torch.manual_seed(0)
    for module in network.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    pictures, classes = torch.from_numpy(pictures), torch.from_numpy(classes)
    for _ in range(steps):
        chosen = torch.randint(len(pictures), (128,))
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(pictures[chosen]), classes[chosen]).backward()
        optimizer.step()
    return network
